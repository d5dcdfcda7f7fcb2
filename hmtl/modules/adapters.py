"""Adapters of the library peft: a few weights that are trained in the place of a whole encoder."""

import warnings
from typing import Any, Dict, Iterable, List, Optional

import torch
from allennlp.common import FromParams
from allennlp.common.checks import ConfigurationError

# The name of the one adapter that all tasks share.
SHARED = "shared"


class AdapterSettings(FromParams):
    """Which adapters an encoder gets.

    # Parameters

    kind : `str`, optional (default = `"LORA"`)
        Peft's name of the method: `LORA` (Hu et al. 2022), `IA3`, `LOHA`, `LOKR` and what else it can put into a model.
    tasks : `List[str]`, optional (default = `None`)
        One adapter for each of these tasks, which are all of the model's; by default one that they share.
    options : `Dict[str, Any]`, optional (default = `{}`)
        Those of peft's configuration of that kind, such as `r`, `lora_alpha` and `target_modules`. By default all
        linear layers are adapted.
    """

    def __init__(self, kind: str = "LORA", tasks: List[str] = None, options: Dict[str, Any] = None) -> None:
        self.kind = kind
        self.tasks = list(tasks) if tasks else []
        self.options = {"target_modules": "all-linear", **(options or {})}


class Adapters:
    """The adapters of an encoder, which they are put into. Its own weights are frozen.

    Where tasks have one each, at most one is in use at any time: `use` says which.

    # Parameters

    encoder : `torch.nn.Module`
        Its layers become those of peft. The names of their weights get `base_layer`.
    settings : `AdapterSettings`

    # Raises

    ConfigurationError
        Where peft does not know the kind or one of its options, or finds no layer to adapt.
    ModuleNotFoundError
        Without peft.
    """

    def __init__(self, encoder: torch.nn.Module, settings: AdapterSettings) -> None:
        # Only here: it is an extra, `adapters`.
        import peft
        from peft.tuners.tuners_utils import BaseTunerLayer

        self.tasks = settings.tasks
        encoder.requires_grad_(False)
        known = {str(kind.value): config for kind, config in peft.PEFT_TYPE_TO_CONFIG_MAPPING.items()}
        if settings.kind not in known:
            raise ConfigurationError(f"adapters: peft has no '{settings.kind}'; it has: {', '.join(sorted(known))}")
        # By the name of each adapter's parameters in the encoder: the adapter.
        self._adapter_of: Dict[str, str] = {}
        names = self.tasks or [SHARED]
        for name in names:
            before = {known_name for known_name, _ in encoder.named_parameters()}
            try:
                config = known[settings.kind](**settings.options)
                with warnings.catch_warnings():
                    # That there are several is what is wanted.
                    warnings.filterwarnings("ignore", message="Already found a `peft_config` attribute")
                    peft.inject_adapter_in_model(config, encoder, adapter_name=name)
            except (TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"adapters: peft refuses {settings.kind} {settings.options}: {error}"
                ) from error
            self._adapter_of.update(
                {new: name for new, _ in encoder.named_parameters() if new not in before and f".{name}." in f"{new}."}
            )
        self._layers = [module for module in encoder.modules() if isinstance(module, BaseTunerLayer)]
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(name in self._adapter_of)
        self._in_use: Optional[str] = names[-1]
        self.use(None if self.tasks else SHARED)

    def use(self, name: Optional[str]) -> None:
        """The adapter of that name is in use from now on; with `None` there is none, and the encoder is as it was."""
        if name == self._in_use:
            return
        self._in_use = name
        for layer in self._layers:
            # Peft freezes what it does not use; here a gradient may flow into several adapters.
            trained = [parameter.requires_grad for parameter in layer.parameters()]
            layer.enable_adapters(name is not None)
            if name is not None:
                layer.set_adapter(name)
            for parameter, requires_grad in zip(layer.parameters(), trained):
                parameter.requires_grad_(requires_grad)

    def parameters_of_others(self, encoder: torch.nn.Module, tasks: Iterable[str]) -> List[torch.nn.Parameter]:
        """The parameters of the adapters of other tasks than these."""
        mine = {SHARED, *tasks}
        return [
            parameter
            for name, parameter in encoder.named_parameters()
            if self._adapter_of.get(name, SHARED) not in mine
        ]
