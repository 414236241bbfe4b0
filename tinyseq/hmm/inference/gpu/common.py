"""CUDA source that all kernels of chains share.

`chains` compiles the kernels with CuPy, for REAL = float or double, and launches them. Each sequence has a block of
threads. A loop ``for (k = threadIdx.x; k < K; k += blockDim.x)`` is right for any number of threads, one included, so
the tests run the same source on the host, compiled as C++. Functions with NEAR are compiled twice: for messages and
transition in shared memory, the usual case, and for anything else. From pointers that may lead anywhere the compiler
would make slow loads.

As in `score_tables`, a message has H x R entries (the oldest state, all others), and a table H x R x K.
"""

SOURCE = r"""
typedef long long int64;
#define INF __longlong_as_double(0x7ff0000000000000LL)

extern __shared__ double shared[];

/* The larger one; NaN if there is one. */
__device__ inline double larger(double x, double y) { return x > y || x != x ? x : y; }

/* Which table a step has, and where it lies: those of the first n - 1 steps, then one or several transitions. */
struct Step {
  int H, R;
  int64 row, column;  /* of all tables, one below the other: the first of H x R rows and of R x K columns */
};

__device__ Step step_at(int64 t, int K, int n, int varies) {
  Step s = {1, 1, 0, 0};
  for (int i = 0; i < t && i < n - 1; ++i) { s.row += s.R; s.R *= K; }
  s.column = s.row * K;
  if (t >= n - 1) {
    const int64 before = varies ? (t - n + 1) * s.R : 0;
    s.row += before;
    s.column += before;
    s.H = K;
    s.R /= K;
  }
  return s;
}

/* The emission row of step t of sequence b: the sequences lie one after the other, or side by side. */
__device__ inline int64 row_of(const int64* starts, int64 N, int64 b, int64 t) {
  return starts ? starts[b] + t : t * N + b;
}

/* What the kernels work with; Viterbi needs no tops and weights. */
struct Chain {
  const REAL *logs, *emission, *end;  /* end may be null */
  const double *tops, *weights, *near;  /* near: the weights of the transition, in shared memory if NEAR */
  const int64* starts;
  int64 N;
  int K, M, n, varies;
  Step last;  /* of the transition, or the first of them */

  __device__ Step step(int64 t) const { return t < n - 1 || varies ? step_at(t, K, n, varies) : last; }
};
"""
