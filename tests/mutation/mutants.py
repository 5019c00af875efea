"""The mutants of a C source: every single small change that could be a slip of the pen.

Works on tokens and knows just enough of C for the house's style. What does not compile is no
mutant. Left alone are #include and its like, comments, and what stands in an assert(): that
says what a bug is, and one that asks for less changes nothing in a program without bugs.
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/)
    |(?P<include>^[ \t]*\#[ \t]*(?:include|undef|ifdef|ifndef|if|endif|pragma)[^\n]*)
    |(?P<define>^[ \t]*\#[ \t]*define[ \t]+\w+(?:\([^)]*\))?)
    |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<float>\b\d+\.\d+(?:[eE][-+]?\d+)?|\b\d+[eE][-+]?\d+)
    |(?P<int>\b(?:0x[0-9a-fA-F]+|\d+)[uUlL]*\b)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<op><<=|>>=|->|\+\+|--|&&|\|\||<<|>>|[<>=!+\-*/%&|^]=|\#\#|\.\.\.|[-+*/%&|^!~<>=?:;,.(){}\[\]\#])""",
    re.X | re.S | re.M,
)

KEYWORDS = set(
    "auto bool break case char const continue default do double else enum extern float for goto if"
    " inline int long register return short signed sizeof static struct switch typedef union"
    " unsigned void volatile while int64_t uint64_t uint32_t size_t AUTO".split()
)
TYPES = KEYWORDS - set("break continue goto sizeof".split())

SWAPS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "<<": (">>",),
    ">>": ("<<",),
    "|": ("&",),
    "++": ("--",),
    "--": ("++",),
    "+=": ("-=",),
    "-=": ("+=",),
    "*=": ("/=",),
    "/=": ("*=",),
    "|=": ("&=",),
    "&=": ("|=",),
}
# These are two operators each; only the one between two operands is meant.
BINARY = {"+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("/",), "&": ("|",)}
# Enumerators of one kind: each is taken for the next one of its kind.
FAMILIES = {
    "JOB_RESULT": "NONE CREATED REVOKED ALREADY_REVOKED ALREADY_USED NOT_FOUND INVALID REFUSED"
    " OUTCOME_UNKNOWN GAVE_UP LAPSED",
    "JOB": "CREATE REVOKE",
    "HOLD": "AUDIT DISK CREDENTIALS MAINTENANCE OUTAGE QUEUE _MAX",
    "EFFECT": "NONE UNKNOWN APPLIED",
    "VERDICT": "SUCCEEDED FAILED AGAIN AGAIN_FREE",
    "GATE": "OPEN HELD PROBING PAUSED RETRY_AFTER RATE CONCURRENCY",
    "ANSWER": "REPLY NOT_SENT LOST",
    "ANSWER_SAID": "NOTHING REVOKED ACCEPTED",
    "TOKEN": "PENDING ACCEPTED REVOKED",
}
NEXT = {}
for family, members in FAMILIES.items():
    names = [f"{family}_{member}" for member in members.split()]
    for at, name in enumerate(names):
        NEXT[name] = {names[(at + 1) % len(names)], names[at - 1]} - {name}
NEXT |= {"true": {"false"}, "false": {"true"}, "INT64_MAX": {"0"}, "INT64_MIN": {"0"}}


@dataclass(frozen=True)
class Mutant:
    path: str
    line: int
    function: str
    text: str  # the line, without the blanks around it
    what: str  # what is done to it
    start: int
    end: int
    new: str

    def key(self):
        return (self.path, self.function, self.text, self.what)

    def apply(self, source):
        # The line numbers of assert() stay as they are, so that equal code is equal.
        lost = source.count("\n", self.start, self.end)
        return source[: self.start] + self.new + "\n" * lost + source[self.end :]


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int
    mate: int = -1  # of a bracket: the index of the other one


def tokens_of(source):
    tokens = []
    for match in TOKEN.finditer(source):
        if match.lastgroup != "comment":
            tokens.append(Token(match.lastgroup, match.group(), match.start(), match.end()))
    stack = []
    for index, token in enumerate(tokens):
        if token.text in ("(", "[", "{"):
            stack.append(index)
        elif token.text in (")", "]", "}") and stack:
            token.mate = stack.pop()
            tokens[token.mate].mate = index
    return tokens


class Walker:
    """Finds the mutants of one file."""

    def __init__(self, path, source):
        self.path, self.source = path, source
        self.tokens = tokens_of(source)
        self.found = []
        self.used = {}

    def add(self, first, last, new, what):
        """Tokens first to last become new."""
        start, end = self.tokens[first].start, self.tokens[last].end
        line = self.source.count("\n", 0, start) + 1
        text = self.source.split("\n")[line - 1].strip()
        function = self.function_at(start)
        key = (function, text, what)
        self.used[key] = self.used.get(key, 0) + 1
        if self.used[key] > 1:
            what += f" #{self.used[key]}"
        self.found.append(Mutant(self.path, line, function, text, what, start, end, new))

    def function_at(self, start):
        """The name before the bracket of the last line that begins a definition."""
        head = None
        for head in re.finditer(r"^[A-Za-z][^\n;]*?(\w+)(?:\(|\[[^\n]*=|\s*=|\s*\{)", self.source[: start + 1], re.M):
            pass
        return head.group(1) if head else "-"

    def asserted(self):
        """The indices of tokens inside an assert()."""
        inside = set()
        for index, token in enumerate(self.tokens):
            if token.text in ("assert", "_Static_assert"):
                inside |= set(range(index, self.tokens[index + 1].mate + 1))
        return inside

    def walk(self):
        inside = self.asserted()
        for index, token in enumerate(self.tokens):
            if index in inside:
                continue
            self.change_token(index, token)
            self.change_operands(index, token)
            self.change_statement(index, token)
        return [m for m in self.found if self.source[m.start : m.end] != m.new]

    # ---- one token for another ----

    def is_operand_before(self, index):
        before = self.tokens[index - 1]
        if before.kind in ("int", "float", "text"):
            return True
        if self.tokens[index - 2].text in ("struct", "enum"):
            return False
        return before.text in (")", "]") or before.kind == "word" and before.text not in KEYWORDS

    def change_token(self, index, token):
        for new in SWAPS.get(token.text, ()) if token.kind == "op" else ():
            self.add(index, index, new, f"{token.text} is {new}")
        if token.kind == "op" and token.text in BINARY and self.is_operand_before(index):
            for new in BINARY[token.text]:
                self.add(index, index, new, f"{token.text} is {new}")
        if token.text == "!":
            self.add(index, index, "", "! is gone")
        if token.kind == "word":
            for new in sorted(NEXT.get(token.text, ())):
                self.add(index, index, new, f"{token.text} is {new}")
        if token.kind == "int":
            self.change_int(index, token)
        if token.kind == "float":
            for new in (f"({token.text} * 1.1)", f"({token.text} * 0.9)", "0.0"):
                self.add(index, index, new, f"{token.text} is {new}")
        if token.kind == "text" and token.text not in ('""', "' '") and token.text[0] == '"':
            self.add(index, index, '""', f"{token.text} is empty")

    def change_int(self, index, token):
        digits, suffix = re.match(r"(0x[0-9a-fA-F]+|\d+)(\w*)", token.text).groups()
        value = int(digits, 0)
        for new in (value + 1, value - 1):
            if new >= 0:
                self.add(index, index, f"{new}{suffix}", f"{token.text} is {new}")

    # ---- conditions ----

    def left_of(self, index):
        """The first token of the operand that ends before index."""
        at = index - 1
        while True:
            token = self.tokens[at]
            if token.text in (")", "]", "}"):
                at = token.mate - 1
                continue
            if token.text in "( [ { && || ? : , ; = return += -=".split() or token.kind in ("define", "include"):
                return at + 1
            at -= 1

    def right_of(self, index):
        at = index + 1
        while True:
            token = self.tokens[at]
            if token.text in ("(", "[", "{"):
                at = token.mate + 1
                continue
            if token.text in ") ] } && || ? : , ;".split():
                return at - 1
            at += 1

    def force(self, first, last):
        """That condition always holds, or never."""
        text = " ".join(self.source[self.tokens[first].start : self.tokens[last].end].split())
        for new in ("1", "0"):
            self.add(first, last, new, f"{text} is {new}")

    def change_operands(self, index, token):
        if token.text in ("&&", "||"):
            self.force(self.left_of(index), index - 1)
            after = self.right_of(index)
            # The next of a row of && is its left one, and comes then.
            if self.tokens[after + 1].text not in ("&&", "||", "?"):
                self.force(index + 1, after)
        if token.text == "?":
            self.force(self.left_of(index), index - 1)
        if token.text in ("if", "while") and self.tokens[index + 1].text == "(":
            last = self.tokens[index + 1].mate - 1
            inner = [t.text for t in self.tokens[index + 2 : last + 1]]
            if "&&" not in inner and "||" not in inner:
                self.force(index + 2, last)

    # ---- statements ----

    def end_of(self, index):
        """The semicolon of the statement that begins at index; 0 where it is none."""
        while index < len(self.tokens) and self.tokens[index].text != "}":
            if self.tokens[index].text == ";":
                return index
            index = self.tokens[index].mate if self.tokens[index].text in ("(", "[", "{") else index
            index += 1
        return 0

    def begins_statement(self, index):
        before = self.tokens[index - 1]
        if before.text in (";", "{", "}", "else"):
            return True
        if before.text == ":":
            return any(t.text in ("case", "default") for t in self.tokens[max(0, index - 3) : index])
        if before.text == ")" and before.mate > 0:
            return self.tokens[before.mate - 1].text in ("if", "for", "while")
        return False

    def change_statement(self, index, token):
        if token.text == "case":
            self.add(index, self.right_of(index) + 1, "", "this case is gone")
        if token.text == "." and self.tokens[index - 1].text in ("{", ","):
            self.drop_member(index)
        if token.text == "return" and self.tokens[index + 1].text != ";":
            for new in ("0", "1"):
                self.add(index + 1, self.right_of_return(index), new, f"returns {new}")
        if token.kind not in ("word", "op") or not self.begins_statement(index):
            return
        if token.text in (".", "[", "{", "}", ";") or token.text in TYPES - {"return"}:
            return
        if token.text == "return" and self.tokens[index + 1].text != ";":
            self.add(index, self.end_of(index), ";", "the return is gone")
        elif token.text == "continue":
            self.add(index, index, "break", "continue is break")
            self.add(index, index + 1, ";", "this statement is gone")
        elif self.tokens[index + 1].text != ":" and self.end_of(index):
            self.add(index, self.end_of(index), ";", "this statement is gone")

    def right_of_return(self, index):
        return self.end_of(index) - 1

    def drop_member(self, index):
        """A member that is not set is 0."""
        last = self.right_of(index)
        while self.tokens[last + 1].text in ("?", ":", "&&", "||"):
            last = self.right_of(last + 1)
        if self.tokens[last + 1].text == ",":
            self.add(index, last + 1, "", "this member is gone")


def mutants_of_source(path, source):
    return Walker(path, source).walk()


def mutants_of_words(path, source):
    """Of a .def table: each row has a word, or a meaning, of its neighbour."""
    row = re.compile(r'^(?P<kind>[A-Z_]+)\((?P<name>\w+), "(?P<word>[^"\n]*)"(?:, "(?P<meaning>[^"\n]*)")?\)', re.M)
    rows = [match for match in row.finditer(source)]
    for one, other in zip(rows, rows[1:]):
        if one["kind"] != other["kind"]:
            continue
        for field in ("word", "meaning"):
            if one[field] is None:
                continue
            swapped = (
                source[one.start() : one.start(field)]
                + other[field]
                + source[one.end(field) : other.start(field)]
                + one[field]
                + source[other.end(field) : other.end()]
            )
            yield Mutant(
                path,
                source.count("\n", 0, one.start()) + 1,
                one["kind"],
                one.group(),
                f"its {field} and that of {other['name']} are swapped",
                one.start(),
                other.end(),
                swapped,
            )


def mutants_of(path, source):
    """All mutants of that file, in the order of its lines."""
    if path.endswith(".def"):
        return list(mutants_of_words(path, source))
    return sorted(mutants_of_source(path, source), key=lambda m: (m.start, m.end, m.what))
