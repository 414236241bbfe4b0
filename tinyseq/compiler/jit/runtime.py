"""What generated kernels are made of. Imported only where Numba is installed.

A kernel is a C function of two addresses: its numbers (sizes, strides, and where its arrays are), and the table of base
addresses. Every array is at an offset from one of these bases.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

TABLE = types.CPointer(types.int64)
KERNEL = types.void(TABLE, TABLE)
NUMBERS = types.int64[::1]
DRIVER = types.void(NUMBERS, NUMBERS, types.int64, types.int64)
SHARE = types.void(types.int64[:, ::1], NUMBERS, NUMBERS, NUMBERS)
SERVE = types.void(types.int64[:, ::1], types.int64)
SPINS = 2_000  # how often a thread polls what another writes before it yields the processor
LINGER = 4_000  # how often a thread looks for more work before it sleeps
give_way = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())
WORD = ir.IntType(64).as_pointer()
F = np.float32
B1, F4, F8, C8, C16 = np.bool_(0), F(0), np.float64(0), np.complex64(0), np.complex128(0)  # of each type of elements
I1, I2, I4, I8, U1, U2, U4, U8 = (np.dtype(kind).type(0) for kind in "bhilBHIL")


def instruction(types_of: Callable[..., Any], literal: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Make a function of instructions from one that builds them for given values; it returns None for no result.

    Args:
        types_of: the signature, from the types of the arguments.
        literal: whether whole numbers that are written out are types of their own.
    """

    def made(build: Callable[..., Any]) -> Any:
        def code(context, builder, signature, values):
            found = build(context, builder, signature, *values)
            return context.get_dummy_value() if found is None else found

        def define(context, *kinds):
            return types_of(*kinds), code

        names = inspect.signature(types_of).parameters.values()
        setattr(define, "__signature__", inspect.Signature([inspect.Parameter("context", 1), *names]))  # noqa: B010
        define.__name__, define.__doc__ = build.__name__, build.__doc__
        return intrinsic(prefer_literal=literal)(define)

    return made


@instruction(lambda address, like: types.CPointer(like)(address, like))
def pointer(context, builder, signature, address, like):
    """An address as a pointer to elements of the type of ``like``."""
    return builder.inttoptr(address, context.get_value_type(signature.return_type))


def _number(builder, table, place):
    """A number of a table that nothing changes, so that LLVM reads it once."""
    line = builder.load(builder.gep(table, [place]))
    line.set_metadata("invariant.load", builder.module.add_metadata([]))
    return line


def _address(builder, args, bases, place):
    offset = _number(builder, args, builder.add(place, ir.Constant(place.type, 1)))
    return builder.add(_number(builder, bases, _number(builder, args, place)), offset)


@instruction(lambda args, bases, place: types.int64(TABLE, TABLE, types.int64))
def at(context, builder, signature, args, bases, place):
    """The address of an array, from two of a kernel's numbers: the place of its base, and its offset from there."""
    return _address(builder, args, bases, place)


@instruction(lambda args, bases, place, first, index: types.int64(TABLE, TABLE, types.int64, types.int64, index))
def row(context, builder, signature, args, bases, place, first, index):
    """The address of a row of an array: see `at`; ``first`` is the place of its stride along the first outer axis."""
    address = _address(builder, args, bases, place)
    for axis in range(len(signature.args[-1])):
        stride = _number(builder, args, builder.add(first, ir.Constant(first.type, axis)))
        address = builder.add(address, builder.mul(builder.extract_value(index, axis), stride))
    return address


def _marked(builder, line, does):
    """A load or a store, with metadata: no kernel writes to what it reads, so LLVM may vectorise."""
    module = builder.module
    domain = module.add_metadata([ir.MetaDataString(module, "tinyseq")])
    for name in ("reads", "writes"):
        scope = module.add_metadata([module.add_metadata([ir.MetaDataString(module, name), domain])])
        line.set_metadata("alias.scope" if name == does else "noalias", scope)
    return line


@instruction(lambda source, index: source.dtype(source, index))
def load(context, builder, signature, source, index):
    """``source[index]``."""
    value = _marked(builder, builder.load(builder.gep(source, [index])), "reads")
    return context.data_model_manager[signature.return_type].from_data(builder, value)


@instruction(lambda target, index, value: types.void(target, index, target.dtype))
def store(context, builder, signature, target, index, value):
    """``target[index] = value``, of the same type."""
    data = context.data_model_manager[signature.args[2]].as_data(builder, value)
    _marked(builder, builder.store(data, builder.gep(target, [index])), "writes")


@instruction(lambda target, index, value: types.void(target, index, target.dtype))
def accumulate(context, builder, signature, target, index, value):
    """``target[index] += value``."""
    place = builder.gep(target, [index])
    old = _marked(builder, builder.load(place), "writes")
    _marked(builder, builder.store(builder.fadd(old, value), place), "writes")


@instruction(lambda: types.void())
def wide(context, builder, signature):
    """Let LLVM use the widest vectors that the processor has: by default it uses only half the width of AVX-512."""
    set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # unknown to llvmlite: it has a value


@instruction(lambda condition, one, other: one(types.boolean, one, one))
def choose(context, builder, signature, condition, one, other):
    """``one if condition else other``, without a branch."""
    return builder.select(condition, one, other)


@instruction(lambda x, y, z: x(x, x, x))
def fma(context, builder, signature, x, y, z):
    """x y + z, rounded once."""
    return builder.fma(x, y, z)


@instruction(lambda exponent: types.float32(types.float32))
def power_of_two(context, builder, signature, exponent):
    """2 to the power of a whole number between -126 and 127, in float32."""
    whole = ir.IntType(32)
    biased = builder.add(builder.fptosi(exponent, whole), ir.Constant(whole, 127))
    return builder.bitcast(builder.shl(biased, ir.Constant(whole, 23)), ir.FloatType())


@instruction(lambda function, args, bases: types.void(types.int64, types.int64, types.int64))
def call(context, builder, signature, function, args, bases):
    """Call a kernel by its address."""
    kind = ir.FunctionType(ir.VoidType(), [WORD, WORD]).as_pointer()
    builder.call(builder.inttoptr(function, kind), [builder.inttoptr(value, WORD) for value in (args, bases)])


@instruction(lambda function, order, m, n, k, a, lda, b, ldb, c, ldc, like: types.void(*[types.int64] * 11, like))
def gemm(context, builder, signature, function, order, m, n, k, a, lda, b, ldb, c, ldc, like):
    """Call cblas_sgemm or cblas_dgemm with 64-bit sizes: C = A B, each row by row or column by column."""
    whole, mark, number, address = ir.IntType(64), ir.IntType(32), like.type, ir.IntType(8).as_pointer()
    kinds = [mark] * 3 + [whole] * 3 + [number, address, whole, address, whole, number, address, whole]
    kind = ir.FunctionType(ir.VoidType(), kinds).as_pointer()
    rows, columns = ir.Constant(mark, 111), ir.Constant(mark, 112)
    bits = [builder.trunc(builder.lshr(order, ir.Constant(whole, bit)), ir.IntType(1)) for bit in (0, 1)]
    marks = [builder.select(bit, columns, rows) for bit in bits]
    x, y, z = (builder.inttoptr(value, address) for value in (a, b, c))
    one, zero = ir.Constant(number, 1.0), ir.Constant(number, 0.0)
    args = [ir.Constant(mark, 101), *marks, m, n, k, one, x, lda, y, ldb, zero, z, ldc]
    builder.call(builder.inttoptr(function, kind), args)


@instruction(lambda address: types.int64(types.int64))
def word(context, builder, signature, address):
    """Atomically load a whole number, as all threads see it."""
    return builder.load_atomic(builder.inttoptr(address, WORD), "seq_cst", 8)


@instruction(lambda address, value: types.void(types.int64, types.int64))
def put(context, builder, signature, address, value):
    """Write a whole number to an address, after everything that was written before."""
    builder.store_atomic(value, builder.inttoptr(address, WORD), "seq_cst", 8)


@instruction(lambda address, old, new: types.boolean(types.int64, types.int64, types.int64))
def swap(context, builder, signature, address, old, new):
    """Write a number to an address if it holds an expected one; returns whether it did. Only one thread can succeed."""
    place = builder.inttoptr(address, WORD)
    return builder.extract_value(builder.cmpxchg(place, old, new, "seq_cst", "seq_cst"), 1)


@instruction(
    lambda x, row, term, panel, y, across, terms, more, rows, width, lanes: types.void(
        *[types.int64] * 8, rows, width, lanes
    ),
    literal=True,
)
def tile(context, builder, signature, x, row, term, panel, y, across, terms, more, *_):
    """A tile of a product, in registers: y[i] = sum over t of x[i, t] panel[t], or y[i] + that if ``more`` is not 0.

    Arguments are addresses and distances in bytes; the last ones, literals, are the rows, the vectors of the panel, and
    the lanes of a vector.
    """
    rows, width, lanes = (size.literal_value for size in signature.args[-3:])
    whole, number = ir.IntType(64), ir.FloatType()
    vector, zero = ir.VectorType(number, lanes), ir.Constant(whole, 0)
    name, module = f"llvm.fma.v{lanes}f32", builder.module
    fma = module.globals.get(name) or ir.Function(module, ir.FunctionType(vector, [vector] * 3), name)

    def at(address, offset, kind=vector):
        return builder.inttoptr(builder.add(address, offset), kind.as_pointer())

    def bytes_of(vectors):
        return ir.Constant(whole, 4 * lanes * vectors)

    def times(step, count):
        return builder.mul(step, ir.Constant(whole, count))

    before, loop, after = builder.block, builder.append_basic_block("terms"), builder.append_basic_block("tile")
    builder.branch(loop)
    builder.position_at_end(loop)
    t, one, other = (builder.phi(whole) for _ in range(3))
    sums = [builder.phi(vector) for _ in range(rows * width)]
    parts = [builder.load(at(other, bytes_of(v)), align=4) for v in range(width)]
    factors = [_spread(builder, builder.load(at(one, times(row, i), number)), vector) for i in range(rows)]
    added = [builder.call(fma, [factors[i // width], parts[i % width], s]) for i, s in enumerate(sums)]
    ends = builder.add(t, ir.Constant(whole, 1)), builder.add(one, term), builder.add(other, bytes_of(width)), *added
    starts = zero, x, panel, *[ir.Constant(vector, [0.0] * lanes)] * len(sums)
    for phi, start, end in zip((t, one, other, *sums), starts, ends, strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(end, loop)
    builder.cbranch(builder.icmp_signed("<", ends[0], terms), loop, after)
    builder.position_at_end(after)
    adds = builder.icmp_signed("!=", more, zero)
    for i, found in enumerate(added):
        place = at(y, builder.add(times(across, i // width), bytes_of(i % width)))
        old = builder.load(place, align=4)
        builder.store(builder.select(adds, builder.fadd(old, found), found), place, align=4)


def _spread(builder, value, vector):
    """A vector of a number."""
    mark = ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(mark, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(mark, vector.count), [0] * vector.count))


@njit
def smaller(x, y):
    """As np.minimum: NaN if either is."""
    return choose((x <= y) | (x != x), x, y)


@njit
def larger(x, y):
    """As np.maximum: NaN if either is."""
    return choose((x >= y) | (x != x), x, y)


@njit
def exp32(x):
    """exp in float32, within 1 unit in the last place: 2**n exp(r) with the nearest whole n (Cody and Waite).

    The polynomial is that of Cephes (Moshier). 2**n is multiplied in two parts, so that results overflow to inf and
    become denormal where they should.
    """
    within = choose(x > F(-104.0), choose(x < F(89.0), x, F(89.0)), F(-104.0))
    n = np.floor(fma(within, F(1.44269504088896341), F(0.5)))
    r = fma(n, F(2.12194440e-4), fma(n, F(-0.693359375), within))
    p = fma(F(1.9875691500e-4), r, F(1.3981999507e-3))
    p = fma(fma(p, r, F(8.3334519073e-3)), r, F(4.1665795894e-2))
    p = fma(fma(p, r, F(1.6666665459e-1)), r, F(5.0000001201e-1))
    half = np.floor(n * F(0.5))
    y = (fma(p, r * r, r) + F(1.0)) * power_of_two(half) * power_of_two(n - half)
    return choose(x == x, y, x)


@njit
def tanh32(x):
    """tanh in float32, within 2 units in the last place: 1 - 2 / (exp(2 x) + 1), and a polynomial near 0 (Cephes)."""
    size = abs(x)
    z = x * x
    p = fma(fma(F(-5.70498872745e-3), z, F(2.06390887954e-2)), z, F(-5.37397155531e-2))
    near = fma(fma(fma(p, z, F(1.33314422036e-1)), z, F(-3.33332819422e-1)) * z, x, x)
    far = F(1.0) - F(2.0) / (exp32(choose(size < F(20.0), size + size, F(40.0))) + F(1.0))
    signed = choose(x < F(0.0), -far, choose(x == x, far, x))
    return choose(size < F(1e-4), x, choose(size < F(0.625), near, signed))  # x itself for -0.0 and denormal numbers


@njit
def run(code, bases, start, stop):
    """Call one kernel after another: each entry holds its length, the kernel's address, and the kernel's numbers."""
    place, end = code + 8 * start, code + 8 * stop
    while place < end:
        call(word(place + 8), place + 16, bases)
        place += 8 * word(place)


@njit
def run_part(code, bases, table, segment, part):
    """Run a part's calls of one segment."""
    place = table + 16 + 16 * (segment * word(table + 8) + part)
    run(code, bases, word(place), word(place + 8))


# The source of the following functions is copied into modules in the cache folder: Numba caches next to the source.


def drive(code, bases, start, stop):
    """Run a part of the code, on this thread."""
    run(code.ctypes.data, bases.ctypes.data, start, stop)


def share(post, code, bases, table):
    """Run the code by a table: the numbers of segments and parts, and the start and stop of each part in each segment.

    The first line of ``post`` says what to run. Each further line belongs to a part: whether it is offered (1), taken
    by its thread (2) or taken back (3); whether its thread sleeps; and how many segments are done.
    """
    line, segments, parts, mine = post.ctypes.data, table[0], table[1], 1
    put(line, code.ctypes.data)
    put(line + 8, bases.ctypes.data)
    put(line + 16, table.ctypes.data)
    for part in range(parts):
        put(line + 64 * (part + 1) + 16, 0)
    for part in range(1, parts):
        put(line + 64 * (part + 1), 1)
    for segment in range(segments):
        for part in range(parts):
            if mine >> part & 1:
                run_part(code.ctypes.data, bases.ctypes.data, table.ctypes.data, segment, part)
                put(line + 64 * (part + 1) + 16, segment + 1)
        for part in range(1, parts):
            tries, own = 0, line + 64 * (part + 1)
            while word(own + 16) <= segment:
                tries += 1
                if tries > SPINS:
                    give_way()
                if tries > 2 * SPINS and swap(own, 1, 3):  # its thread has not started it
                    mine |= 1 << part
                    run_part(code.ctypes.data, bases.ctypes.data, table.ctypes.data, segment, part)
                    put(own + 16, segment + 1)


def serve(post, part):
    """Run what is offered to a part, until nothing has been offered for a while."""
    line, own, tries = post.ctypes.data, post.ctypes.data + 64 * (part + 1), 0
    put(own + 8, 0)
    while True:
        if word(own) == 1 and swap(own, 1, 2):
            code, bases, table = word(line), word(line + 8), word(line + 16)
            segments, parts, tries = word(table), word(table + 8), 0
            for segment in range(segments):
                run_part(code, bases, table, segment, part)
                put(own + 16, segment + 1)
                for other in range(parts if segment + 1 < segments else 0):
                    waits = 0
                    while word(line + 64 * (other + 1) + 16) <= segment:
                        waits += 1
                        if waits > SPINS:
                            give_way()
        tries += 1
        if tries > SPINS:
            give_way()
        if tries > LINGER:
            put(own + 8, 1)
            if word(own) != 1:
                return
            put(own + 8, 0)
            tries = 0


def product(args, bases):
    """A kernel: the products of two matrices, or of two stacks of them; see `products` for its numbers."""
    a, b, c = at(args, bases, 13), at(args, bases, 15), at(args, bases, 17)
    if args[2] & 4:
        a, b = b, a
    for _ in range(args[6]):
        if args[1]:
            gemm(args[0], args[2], args[3], args[4], args[5], a, args[7], b, args[8], c, args[9], F8)
        else:
            gemm(args[0], args[2], args[3], args[4], args[5], a, args[7], b, args[8], c, args[9], F4)
        a, b, c = a + args[10], b + args[11], c + args[12]
