from hmtl.predictors.hmtl_predictor import HMTLPredictor
