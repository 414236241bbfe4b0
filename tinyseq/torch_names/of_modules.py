"""Attributes of PyTorch's and Keras's modules and optimisers, and what to use in tinyseq."""

_HOOKS = "a Module around it whose forward inspects its inputs and outputs, or Tensor.register_hook"
MODULE = {
    "fit": "ts.train.train(task, optimizer, steps=...), or a loop of your own",
    "predict": "model(x), as in `with ts.no_grad():` after model.eval()",
    "evaluate": "a loss of model(x), as in `with ts.no_grad():` after model.eval()",
    "summary": "print(model)",
    **dict.fromkeys(("save", "save_weights"), "ts.save(model.state_dict(), path)"),
    **dict.fromkeys(("load", "load_weights"), "model.load_state_dict(ts.load(path))"),
    **dict.fromkeys(
        ("weights", "all_weights", "variables", "trainable_variables", "trainable_weights"), "model.parameters()"
    ),
    "get_weights": "model.state_dict()",
    "set_weights": "model.load_state_dict(arrays)",
    **dict.fromkeys(
        ("count_params", "num_parameters", "num_params"), "print(model), or sum(p.size for p in model.parameters())"
    ),
    **dict.fromkeys(("reset_parameters", "init_weights", "reset_states"), "a new module, which has new weights"),
    **dict.fromkeys(
        (
            *("register_forward_pre_hook", "register_forward_hook", "register_backward_hook"),
            *("register_full_backward_hook", "register_full_backward_pre_hook"),
        ),
        _HOOKS,
    ),
    **dict.fromkeys(
        (
            *("register_load_state_dict_pre_hook", "register_load_state_dict_post_hook"),
            *("register_state_dict_pre_hook", "register_state_dict_post_hook", "get_extra_state", "set_extra_state"),
        ),
        "state_dict and load_state_dict of a subclass",
    ),
    **dict.fromkeys(("get_buffer", "get_parameter", "get_submodule", "set_submodule"), "the attribute itself"),
    **dict.fromkeys(("ipu", "mtia", "xpu", "to_empty"), 'model.to("cuda") or model.to("cpu")'),
    "bfloat16": 'model.to("float16")',
    "compile": "the model as it is",
    "extra_repr": "__repr__ of a subclass",
    "flatten_parameters": "the layer as it is",
    "named_buffers": "model.state_dict()",
    "add_module": "an attribute: self.name = module",
    "buffers": "model.state_dict()",
    "cpu": 'model.to("cpu")',
    "cuda": 'model.to("cuda")',
    "double": 'model.to("float64")',
    "float": 'model.to("float32")',
    "half": 'model.to("float16")',
    "named_children": "model.children(), which yields (name, module)",
    "named_modules": "model.modules() and model.children()",
    "register_buffer": "an attribute that is an array",
    "register_module": "an attribute: self.name = module",
    "register_parameter": "an attribute: self.name = ts.nn.Parameter(values)",
    "requires_grad_": "p.requires_grad_(False) for p in model.parameters()",
    "share_memory": "model.state_dict(), whose arrays can be pickled",
    "type": 'model.to("float32")',
}
OPTIMIZER = {
    **dict.fromkeys(
        (
            *("register_step_pre_hook", "register_step_post_hook", "register_state_dict_pre_hook"),
            *("register_state_dict_post_hook", "register_load_state_dict_pre_hook"),
            "register_load_state_dict_post_hook",
        ),
        "step, state_dict or load_state_dict of a subclass",
    ),
    "add_param_group": "one optimizer for each group of parameters",
    "param_groups": "optimizer.lr and optimizer.parameters; one optimizer for each group that has settings of its own",
    "state": "optimizer.state_dict()",
    **dict.fromkeys(("learning_rate", "get_lr", "update_lr", "set_lr"), "optimizer.lr, which may be set"),
    "params": "optimizer.parameters",
    "defaults": "the optimizer itself, which prints its settings",
    **dict.fromkeys(
        ("minimize", "apply_gradients", "backward"),
        "optimizer.zero_grad(), loss.backward() and optimizer.step(), in this order",
    ),
}
