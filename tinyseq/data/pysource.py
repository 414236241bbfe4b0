"""Python source as labelled sequences: the kind of each token of a program, from Python's own parser."""

import ast
import builtins
import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from tinyseq.data.readers import DataError, Sentence, show

# The kinds of names, the more specific first: a name that is bound in several ways has the first of them.
KINDS = ("parameter", "class", "function", "module", "import", "variable")
LABELS = (*KINDS, "attribute", "builtin", "keyword", "string", "number", "operator", "dot", "delimiter")

BUILTINS = frozenset(dir(builtins))
SOFT_KEYWORDS = frozenset({"match", "case", "type"})  # keywords only where they begin a line and are not names
DELIMITERS = frozenset("()[]{},:;")

Position = tuple[int, int]  # line from 1, column in UTF-8 bytes, as in the parser


@dataclass
class Scope:
    """The names bound in a module, class, function or comprehension, and the kind of each."""

    outer: "Scope | None" = None
    is_class: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def bind(self, name: str, kind: str) -> None:
        self.names[name] = min(kind, self.names.get(name, kind), key=KINDS.index)

    def kind_of(self, name: str) -> str:
        """The kind of a name used in this scope, by Python's rules of scoping."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and not (scope.is_class and scope is not self):
                return scope.names[name]
            scope = scope.outer
        return "builtin" if name in BUILTINS else "variable"


def labelled_tokens(source: str) -> list[Sentence]:
    """The tokens of each logical line of a program, with their labels.

    The same name may be a parameter in one line, an attribute in the next and a module in a third, so a tagger needs
    the context. Strings are shortened to `"..."` after their prefix (an f-string is one token), and comments are left
    out.

    Args:
        source: a program.

    Returns:
        One list of (token, label) for each logical line. The labels are

        - for names: parameter (its uses and keyword arguments too), class, function, module, import (bound by
          `from ... import`), variable, attribute, builtin;
        - for the rest: keyword, string, number, operator, dot (which an attribute follows), delimiter (brackets,
          commas, colons, semicolons).

    Raises:
        SyntaxError: if the source does not parse.

    Example:
        >>> labelled_tokens("width = self.width * 2  # pixels")
        [[('width', 'variable'), ('=', 'operator'), ('self', 'variable'), ('.', 'dot'), ('width', 'attribute'),
          ('*', 'operator'), ('2', 'number')]]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the program itself, such as "\d"
        kinds, imports = name_kinds(ast.parse(source))
    lines = source.split("\n")
    return [list(label_line(line, kinds, imports, lines)) for line in logical_lines(source)]


def tokens(source: str) -> list[str]:
    """The tokens of a fragment of Python, written as in `labelled_tokens`; it need not be a whole program.

    Raises:
        DataError: if there are no tokens, or a string or bracket is not closed.

    Example:
        >>> tokens("print('x =', x)")
        ['print', '(', '"..."', ',', 'x', ')']
    """
    try:
        found = [text(token) for line in logical_lines(source) for token in line]
    except (tokenize.TokenError, SyntaxError) as error:
        raise DataError("<text>", None, f"{show(source)} ({error.args[0]})", "Python source") from None
    if not found:
        raise DataError("<text>", None, f"no token in {show(source)}", "Python source")
    return found


def name_kinds(tree: ast.Module) -> tuple[dict[Position, str], set[Position]]:
    """The kinds of the names in a program by their positions, and the positions where import statements begin."""
    kinds: dict[Position, str] = {}
    imports: set[Position] = set()
    uses: list[tuple[Position, str, Scope]] = []
    todo: list[tuple[ast.AST, Scope]] = [(tree, Scope())]
    while todo:
        node, scope = todo.pop()
        moved: set[ast.AST | None] = set()  # children in another scope than the node itself
        other = scope
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                scope.bind(node.name, "function")
                moved, other = {node.args, *node.body}, Scope(scope)
            case ast.Lambda():
                moved, other = {node.args, node.body}, Scope(scope)
            case ast.ClassDef():
                scope.bind(node.name, "class")
                moved, other = set(node.body), Scope(scope, is_class=True)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                moved, other = set(ast.iter_child_nodes(node)), Scope(scope)
            case ast.arguments():
                moved, other = {*node.defaults, *node.kw_defaults}, scope.outer or scope
            case ast.arg():
                scope.bind(node.arg, "parameter")
                kinds[node.lineno, node.col_offset] = "parameter"
                moved, other = {node.annotation}, scope.outer or scope
            case ast.keyword(arg=str()):
                kinds[node.lineno, node.col_offset] = "parameter"
            case ast.Import() | ast.ImportFrom():
                imports.add((node.lineno, node.col_offset))
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    scope.bind(name, "module" if isinstance(node, ast.Import) else "import")
            case ast.Name():
                if not isinstance(node.ctx, ast.Load):
                    scope.bind(node.id, "variable")
                uses.append(((node.lineno, node.col_offset), node.id, scope))
            case ast.Attribute(end_lineno=int(line), end_col_offset=int(end)):
                kinds[line, end - len(node.attr.encode())] = "attribute"
        if type(node).__name__ in ("JoinedStr", "TemplateStr"):
            continue  # the content of a string is part of one token
        todo += [(child, other if child in moved else scope) for child in ast.iter_child_nodes(node)]
    for position, name, scope in uses:
        kinds[position] = scope.kind_of(name)
    return kinds, imports


def logical_lines(source: str) -> Iterator[list[tokenize.TokenInfo]]:
    """The significant tokens, a list for each logical line; an f-string is represented by its first token."""
    line: list[tokenize.TokenInfo] = []
    nesting = 0  # inside f-strings, which Python 3.12 and later tokenise
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_END"):
            nesting -= 1
        elif nesting == 0:
            if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER) and line:
                yield line
                line = []
            elif token.string.strip() and token.type not in (tokenize.COMMENT, tokenize.NL):
                line.append(token)
        if name.endswith("STRING_START"):
            nesting += 1


def label_line(
    line: list[tokenize.TokenInfo], kinds: dict[Position, str], imports: set[Position], lines: list[str]
) -> Iterator[tuple[str, str]]:
    """The tokens of a logical line with their labels."""
    importing = ""  # the kind of a name in an import statement
    before = ""
    for token in line:
        row, column = token.start
        position = row, len(lines[row - 1][:column].encode())
        if position in imports:
            importing = "module"
        elif importing and token.string == "import":
            importing = "import"
        elif token.string == ";":
            importing = ""
        yield text(token), label(token, before, kinds.get(position) or importing)
        before = token.string


def label(token: tokenize.TokenInfo, before: str, kind: str) -> str:
    """The label of a token, from the previous token in its line and the kind of its name, if it is one."""
    if is_string(token):
        return "string"
    if token.type == tokenize.NUMBER:
        return "number"
    if token.type != tokenize.NAME:
        return "dot" if token.string == "." else "delimiter" if token.string in DELIMITERS else "operator"
    if keyword.iskeyword(token.string) or (not before and not kind and token.string in SOFT_KEYWORDS):
        return "keyword"
    # The parser gives no position for the name in `def name`, `class name`, `except ... as name`, `global name`.
    return kind or {"def": "function", "class": "class"}.get(before, "variable")


def is_string(token: tokenize.TokenInfo) -> bool:
    return tokenize.tok_name[token.type] in ("STRING", "FSTRING_START", "TSTRING_START")


def text(token: tokenize.TokenInfo) -> str:
    """A token as written in the corpus: strings are reduced to their prefix."""
    if not is_string(token):
        return token.string
    return re.sub(r"""["'].*""", '"..."', token.string, flags=re.DOTALL)
