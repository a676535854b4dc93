# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network of a stranger's bundle may do: tensor arithmetic, straight through, and nothing else.

TorchScript is a programming language: its operators read and write files, its loops need not end. The code
in an archive looks like Python, so Python parses it, and whatever is not on the lists below is refused: a
kind of statement or expression as well as an operator. What remains is what `Bundle.save` writes for a
network of the usual layers: modules that call their parts and the operators named here, without branches,
loops or recursion. `check_graphs` looks a second time, at what TorchScript itself made of the code, and sees
to it that no size depends on what is in a frame: then a batch costs what every batch costs.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, field

MOST_CODE_BYTES = 2**20
MOST_CALLS = 100_000  # of operators in one call of a method, those of its parts among them

# Number by number; also in place (``relu_``).
_ELEMENTWISE = """
abs absolute acos acosh add addcdiv addcmul angle asin asinh atan atan2 atanh bitwise_and bitwise_not
bitwise_or bitwise_xor ceil celu clamp clamp_max clamp_min clip conj conj_physical copysign cos cosh deg2rad
div divide elu eq erf erfc erfinv exp exp2 expm1 fill fix floor floor_divide fmod frac ge gt hardsigmoid
hardswish hardtanh hypot ldexp le leaky_relu lerp lgamma log log10 log1p log2 logical_and logical_not
logical_or logical_xor logit lt masked_fill mish mul multiply nan_to_num ne neg negative pow rad2deg
reciprocal relu relu6 remainder round rsqrt selu sgn sigmoid sign silu sin sinc sinh sqrt square sub
subtract tan tanh threshold true_divide trunc xlogy
"""
_IN_PLACE = "copy_ index_add_ index_copy_ index_fill_ index_put_ scatter_ scatter_add_ zero_"
_OTHERS = """
_conj arctan2 complex fmax fmin gelu glu hardshrink imag isclose isfinite isinf isnan log_sigmoid logaddexp
logaddexp2 maximum minimum polar positive prelu real resolve_conj resolve_neg rsub softplus softshrink
tanhshrink where
all amax amin aminmax any argmax argmin argsort cosine_similarity count_nonzero cummax cummin cumprod cumsum
dist frobenius_norm kthvalue linalg_norm linalg_vector_norm logcumsumexp logsumexp max mean median min
nanmean nansum norm pairwise_distance prod sort std std_mean sum topk var var_mean
addbmm addmm addmv addr adjoint baddbmm bilinear bmm cdist diag diag_embed diagonal dot einsum inner linear
matmul mm mv numpy_T outer t tensordot trace tril triu vdot
_convolution conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d avg_pool1d avg_pool2d
max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_unpool2d
batch_norm group_norm instance_norm layer_norm native_layer_norm rms_norm
alpha_dropout dropout feature_alpha_dropout feature_dropout
_native_multi_head_attention _transformer_encoder_layer_fwd embedding gru gru_cell log_softmax lstm
lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell scaled_dot_product_attention softmax
channel_shuffle im2col pixel_shuffle pixel_unshuffle upsample_bilinear2d upsample_linear1d
upsample_nearest1d upsample_nearest2d
alias broadcast_tensors broadcast_to cat chunk clone column_stack concat concatenate constant_pad_nd
contiguous detach dim expand expand_as flatten flip gather hstack index_add index_copy index_fill index_put
index_select lift_fresh meshgrid moveaxis movedim narrow numel pad permute reflection_pad1d reflection_pad2d
repeat replication_pad1d replication_pad2d reshape reshape_as roll rot90 scatter scatter_add select size
slice split split_with_sizes squeeze stack swapaxes swapdims take take_along_dim tile to transpose type_as
unbind unflatten unfold unsqueeze view view_as view_as_complex view_as_real vstack
arange bartlett_window blackman_window eye full full_like hamming_window hann_window linspace new_full
new_ones new_zeros ones ones_like scalar_tensor zeros zeros_like
fft_fft fft_fft2 fft_fftshift fft_ifft fft_ifft2 fft_ifftshift fft_irfft fft_rfft istft stft
"""
OPERATORS = frozenset(
    f"{_ELEMENTWISE} {_IN_PLACE} {_OTHERS}".split() + [f"{name}_" for name in _ELEMENTWISE.split()]
)

# What TorchScript itself makes of the code, beside operators.
_GRAPH_KINDS = frozenset(
    f"prim::{kind}"
    for kind in "Constant GetAttr CallMethod ListConstruct ListUnpack NumToTensor TupleConstruct TupleIndex "
    "TupleUnpack".split()
) | {"aten::__getitem__"}
_TENSOR_TO_NUMBER = "aten::Int", "aten::IntImplicit", "aten::ScalarImplicit"
_SIZE_ARITHMETIC = frozenset(
    f"aten::{name}" for name in "add ceil div floor floor_divide mul neg remainder rsub sub trunc".split()
)
_SIZES = frozenset(["prim::NumToTensor", "aten::size", *_TENSOR_TO_NUMBER])
# What these give is a tensor of its own, never another name for one that went in.
_FRESH = {f"aten::{name}" for name in _ELEMENTWISE.split()} - {"aten::conj", "aten::conj_physical"}

_METHOD = re.compile(r"(forward|classify|reconstruct)\d{0,9}")
_ATTRIBUTE = re.compile(r"(?!__)\w{1,200}", re.ASCII)
_CONSTANT = re.compile(r"c\d{1,9}", re.ASCII)
_QUALIFIED = re.compile(r"__torch__(\.[A-Za-z_]\w*)*", re.ASCII)
_RESERVED = {
    "torch",
    "ops",
    "CONSTANTS",
    "annotate",
    "getattr",
    "int",
    "inf",
    "nan",
    "self",
    "fork",
    "uninitialized",
    "unchecked_cast",
    "__torch__",
}
_VALUE_TYPES = {"Tensor", "int", "float", "bool", "str", "number", "NoneType"}
_CONTAINERS = {"Optional", "List", "Tuple"}
_NAMES_OF_NODES = {
    ast.While: "a loop",
    ast.For: "a loop",
    ast.If: "a branch",
    ast.IfExp: "a branch",
    ast.With: "a context",
    ast.Raise: "an exception",
    ast.Assert: "an exception",
    ast.Lambda: "a function of its own",
    ast.FunctionDef: "a function of its own",
    ast.Import: "an import",
    ast.ImportFrom: "an import",
}


@dataclass
class ModuleClass:
    """A class in the code of an archive.

    Attributes:
        name: qualified, ``__torch__.…``
        attributes: dict, name → type: ``"Tensor"``, ``"Optional[bool]"``, …, or the name of a class
        constants: names of constants
        methods: dict, name → ``ast.FunctionDef``
    """

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)


def checked_code(sources):
    """The code of an archive, written anew, if a bundle may have it.

    TorchScript reads what this returns, not what a stranger wrote: so it sees what was checked, however the
    two might read the original.

    Args:
        sources: dict, module (``__torch__.torch.nn.modules.conv``) → source text

    Returns:
        dict, module → source text; dict, qualified name → `ModuleClass`

    Raises:
        ValueError: it calls or has what a bundle may not, or is no such code
    """
    if sum(map(len, sources.values())) > MOST_CODE_BYTES:
        raise ValueError(f"its network has code of more than {MOST_CODE_BYTES} bytes")
    try:
        trees = {module: _parsed(module, text) for module, text in sources.items()}
        classes = {}
        for module, tree in trees.items():
            for node in tree.body:
                _expect(node, ast.ClassDef)
                _enter(classes, f"{module}.{node.name}", _module_class(f"{module}.{node.name}", node))
        calls = {
            (each.name, name): _Method(each, method, classes).calls
            for each in classes.values()
            for name, method in each.methods.items()
        }
        _check_calls(calls)
        return {module: ast.unparse(tree) + "\n" for module, tree in trees.items()}, classes
    except RecursionError:
        raise ValueError("its network has code that is nested too deep") from None


def _parsed(module, text):
    if not _QUALIFIED.fullmatch(module) or f"{module}.".startswith("__torch__.torch.classes."):
        raise ValueError(f"its network has code of the name {module!r:.60}, which a bundle may not")
    if "\\" in text or not text.isascii():
        raise ValueError(f"its network has code with other than plain characters, in {module}")
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, MemoryError) as error:
        raise ValueError(f"its network has code that cannot be read: {str(error)[:100]}") from None


def _refuse(node):
    what = _NAMES_OF_NODES.get(type(node)) or f"the expression {ast.unparse(node)!r:.60}"
    raise ValueError(f"its network has {what}, which a bundle may not")


def _refuse_call(name):
    raise ValueError(f"its network calls {name:.60}, which a bundle may not")


def _expect(node, kind, *fields):
    """The node, if it is of a kind and has nothing in some fields."""
    if not isinstance(node, kind) or any(getattr(node, name, None) for name in fields):
        _refuse(node)
    return node


def _enter(table, name, value):
    if name in table:
        raise ValueError(f"its network has {name:.60} twice")
    table[name] = value


def _module_class(name, node):
    _expect(node, ast.ClassDef, "keywords", "decorator_list", "type_params")
    if [ast.unparse(base) for base in node.bases] != ["Module"]:
        raise ValueError(f"its network has a class {name:.60} that is no module")
    found = ModuleClass(name)
    parameters = []
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=attribute), annotation=kind, value=None, simple=1):
                _enter(found.attributes, _attribute(attribute), _type(kind, classes=True))
            case ast.AnnAssign(
                target=ast.Name(id=attribute),
                annotation=ast.Subscript(value=ast.Name(id="Final"), slice=ast.Name(id="int" | "bool")),
                value=ast.Constant(value=int()),
                simple=1,
            ):
                found.constants.add(_attribute(attribute))
            case ast.Assign(
                targets=[ast.Name(id="__parameters__" | "__buffers__" | "__annotations__" as which)]
            ):
                names = _expect(statement.value, ast.List).elts
                names = [_expect(each, ast.Constant).value for each in names]
                parameters += names if which != "__annotations__" else []
            case ast.Assign(
                targets=[ast.Subscript(ast.Name(id="__annotations__"), ast.Constant(value=str(attribute)))]
            ):
                _enter(found.attributes, _attribute(attribute), _type(statement.value, classes=True))
            case ast.FunctionDef(name=method):
                if not _METHOD.fullmatch(method):
                    raise ValueError(f"its network has a method {method!r:.60}, which a bundle may not")
                _enter(found.methods, method, statement)
            case ast.Pass():
                pass
            case _:
                _refuse(statement)
    for attribute in parameters:
        if found.attributes.get(attribute) not in ("Tensor", "Optional[Tensor]", "NoneType"):
            raise ValueError(f"its network has a parameter {attribute!r:.60} that is no tensor")
    if len({*found.attributes, *found.constants, *found.methods}) < sum(
        map(len, (found.attributes, found.constants, found.methods))
    ):
        raise ValueError(f"its network has two things of one name, in {name:.60}")
    return found


def _attribute(name):
    if not _ATTRIBUTE.fullmatch(name):
        raise ValueError(f"its network has an attribute {name!r:.60}, which a bundle may not")
    return name


def _type(node, classes=False):
    """A type as text; of values, and with ``classes`` also the name of a class."""
    match node:
        case ast.Name(id=name) if name in _VALUE_TYPES:
            return name
        case ast.Constant(value=None):
            return "NoneType"
        case ast.Subscript(value=ast.Name(id=container), slice=inner) if container in _CONTAINERS:
            inner = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return f"{container}[{', '.join(map(_type, inner))}]"
    if classes and isinstance(node, (ast.Attribute, ast.Name)):
        name = ast.unparse(node)
        if _QUALIFIED.fullmatch(name):
            return name
    raise ValueError(f"its network has the type {ast.unparse(node):.60}, which a bundle may not")


class _Method:
    """One method, checked statement by statement.

    Attributes:
        calls: what it calls: (class, method) of its parts, None for each operator
    """

    def __init__(self, owner, node, classes):
        self._classes = classes
        self._modules = {"self": owner.name}  # names that stand for a part, and its class
        self._names = set()  # of values
        self.calls = []
        others = "posonlyargs", "vararg", "kwonlyargs", "kw_defaults", "kwarg", "defaults"
        arguments = _expect(node.args, ast.arguments, *others).args
        _expect(node, ast.FunctionDef, "decorator_list", "type_params")
        if not arguments or arguments[0].arg != "self" or _argument_type(arguments[0], True) != owner.name:
            raise ValueError(f"its network has a method {node.name} without itself, in {owner.name:.60}")
        for argument in arguments[1:]:
            _argument_type(argument)
            self._bind(argument.arg, None)
        if node.returns is not None:
            _type(node.returns)
        for each in ast.walk(node):  # first, for these say most
            if type(each) in _NAMES_OF_NODES and each is not node:
                _refuse(each)
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._bind(name, self._module_or_value(value))
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                    self._value(value)
                    for name in names:
                        self._bind(_expect(name, ast.Name).id, None)
                case ast.Return(value=ast.expr() as value) | ast.Expr(value=ast.Call() as value):
                    self._value(value)
                case _:
                    _refuse(statement)

    def _bind(self, name, module):
        if name in _RESERVED:
            raise ValueError(f"its network has a variable {name!r}, which a bundle may not")
        self._modules.pop(name, None)
        self._names.discard(name)
        if module is None:
            self._names.add(name)
        else:
            self._modules[name] = module

    def _module_or_value(self, node):
        """The class of the part that an expression stands for; None where it is a value."""
        if isinstance(node, ast.Name) and node.id in self._modules:
            return self._modules[node.id]
        if access := _access(node):
            return self._part(*access, node)
        self._value(node)
        return None

    def _part(self, owner, attribute, node):
        owner = self._module_or_value(owner)
        if owner is None:
            _refuse(node)
        if attribute in self._class(owner).constants:
            return None
        kind = self._class(owner).attributes.get(attribute)
        if kind is None:
            raise ValueError(f"its network has no attribute {attribute!r:.60} in {owner:.60}")
        return kind if kind.startswith("__torch__") else None

    def _class(self, name):
        if name not in self._classes:
            raise ValueError(f"its network has no code for {name:.60}")
        return self._classes[name]

    def _value(self, node):
        match node:
            case ast.Name(id=name) if name in self._names or name in ("inf", "nan"):
                pass
            case ast.Constant(value=bool() | None):
                pass
            case ast.Constant(value=int(value)) if abs(value) < 2**63:
                pass
            case ast.Constant(value=float(value)) if math.isfinite(value):
                pass
            case ast.Constant(value=str(value)) if value.isprintable() and not set("'\"") & set(value):
                pass
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() | ast.Name(id="inf") as operand):
                self._value(operand)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for element in elements:
                    self._value(element)
            case ast.Subscript(
                value=value,
                slice=ast.Constant(value=int()) | ast.UnaryOp(ast.USub(), ast.Constant(value=int())),
            ):
                self._value(value)
            case ast.Attribute(value=ast.Name(id="CONSTANTS"), attr=which) if _CONSTANT.fullmatch(which):
                pass
            case ast.Attribute() | ast.Call() if access := _access(node):
                if self._part(*access, node) is not None:
                    _refuse(node)
            case ast.Call():
                self._call(node)
            case _:
                _refuse(node)

    def _call(self, node):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(keyword.arg is None for keyword in node.keywords):
            _refuse(node)
        match node.func:
            case ast.Attribute(value=ast.Name(id="torch"), attr="device"):
                if ast.unparse(node) != "torch.device('cpu')":
                    _refuse(node)
            case ast.Attribute(value=ast.Name(id="torch"), attr=name):
                self._operator("aten", name)
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="ops"), attr=namespace), attr=name):
                self._operator(namespace, name)
            case ast.Name(id="annotate") if len(arguments) == 2:
                _type(arguments.pop(0))
            case ast.Name(id="int") if len(arguments) == 1:
                self.calls.append(None)
            case ast.Attribute(value=owner, attr=name):
                part = self._module_or_value(owner)
                if part is None:  # of a tensor: the operator of that name
                    _refuse_call(f"aten::{name}")
                if name not in self._class(part).methods:
                    raise ValueError(f"its network has no method {name!r:.60} in {part:.60}")
                self.calls.append((part, name))
            case _:
                _refuse_call(ast.unparse(node.func))
        for argument in arguments:
            self._value(argument)

    def _operator(self, namespace, name):
        if (namespace, name) != ("prim", "NumToTensor") and (namespace != "aten" or name not in OPERATORS):
            _refuse_call(f"{namespace}::{name}")
        self.calls.append(None)


def _access(node):
    """Owner and name where an expression is an attribute, ``a.b`` or ``getattr(a, "0")``; else None."""
    match node:
        case ast.Attribute(value=ast.Name(id="torch" | "ops" | "CONSTANTS")):
            return None
        case ast.Attribute(value=owner, attr=name):
            return owner, name
        case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name))], keywords=[]):
            return owner, name


def _argument_type(argument, classes=False):
    if argument.annotation is None:
        raise ValueError(f"its network has an argument {argument.arg!r:.60} without a type")
    return _type(argument.annotation, classes)


def _check_calls(calls):
    """No method calls itself, and none comes to more than `MOST_CALLS` operators."""
    totals = {}

    def total(method):
        if method not in totals:
            totals[method] = math.inf  # found again on the way down: it calls itself
            totals[method] = 1 + sum(1 if callee is None else total(callee) for callee in calls[method])
        return totals[method]

    if any(total(method) > MOST_CALLS for method in calls):
        raise ValueError(f"its network calls itself, or more than {MOST_CALLS} operators")


def check_graphs(network):
    """Raise ValueError if TorchScript made of the code what a bundle may not have.

    Args:
        network: ``torch.jit.ScriptModule``, loaded and not run yet
    """
    graphs = [
        module._c._get_method(name).graph
        for module in network.modules()
        for name in module._c._method_names()
    ]
    constants = [  # which all graphs share
        node.output() for graph in graphs for node in graph.nodes() if node.kind() == "prim::Constant"
    ]
    constants_stay = all(map(_stays, constants))
    for graph in graphs:
        _check_graph(graph, constants_stay)


def _stays(value):
    """Whether a value is what it was when it was made: no tensor that something could have changed in place."""
    return value.type().kind() != "TensorType" or all(
        use.user.kind() in _FRESH
        or use.user.kind() in _TENSOR_TO_NUMBER
        or (use.user.kind().endswith("_") and use.offset > 0)
        for use in value.uses()
    )


def _check_graph(graph, constants_stay):
    sizes = set()  # names of values that depend on shapes alone
    for node in graph.nodes():
        kind = node.kind()
        inputs = {value.debugName() for value in node.inputs()}
        if any(True for _ in node.blocks()):
            raise ValueError(f"its network has {kind}, which a bundle may not")
        if kind == "aten::where" and len(inputs) < 3:  # the places where it holds: as many as there are
            raise ValueError("its network has a size that depends on what is in a frame")
        if kind in _TENSOR_TO_NUMBER:
            if not inputs <= sizes:
                raise ValueError("its network has a size that depends on what is in a frame")
        elif kind not in _GRAPH_KINDS and not (kind.startswith("aten::") and kind[6:] in OPERATORS):
            _refuse_call(kind)
        if kind == "prim::Constant":
            of_sizes = constants_stay or node.output().type().kind() != "TensorType"
        else:
            of_sizes = kind in _SIZES or (kind in _SIZE_ARITHMETIC and inputs <= sizes)
        if of_sizes:
            sizes |= {value.debugName() for value in node.outputs() if _stays(value)}
