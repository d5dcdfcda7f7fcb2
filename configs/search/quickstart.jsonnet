// A space for 'hmtl search configs/quickstart.jsonnet configs/search/quickstart.jsonnet -s runs/search'.
local encoder(task) = {
  ['model.levels.' + task + '.encoder.hidden_size']: { type: 'int', low: 32, high: 128, step: 32 },
  ['model.levels.' + task + '.encoder.dropout']: { type: 'float', low: 0.0, high: 0.5, step: 0.1 },
};

{
  'trainer.optimizer.lr': { type: 'float', low: 1e-4, high: 1e-2, log: true },
  'trainer.sampler': {
    type: 'categorical',
    choices: ['proportional', 'uniform', { type: 'power', alpha: 0.75 }],
  },
  // Weight decay for AdamW alone.
  'trainer.optimizer.type': { type: 'categorical', choices: ['adam', 'adamw'] },
  'trainer.optimizer.weight_decay': {
    type: 'float', low: 1e-4, high: 1e-1, log: true,
    when: { 'trainer.optimizer.type': 'adamw' },
  },
}
+ encoder('ner')
+ encoder('coref')
