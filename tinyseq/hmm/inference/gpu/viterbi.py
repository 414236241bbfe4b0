"""CUDA kernel of best paths: Viterbi, whose scores are added up in double, as on the host.

Of equal paths the one with the lowest last states wins, as on the host. NaN among the scores makes the result NaN.
"""

SOURCE = r"""
/* Whether of two histories of so many states the first has the lower last state, or then the lower one before it. */
__device__ bool lower(int x, int y, int K, int digits) {
  for (; digits; --digits, x /= K, y /= K)
    if (x % K != y % K) return x % K < y % K;
  return false;
}

/* What Viterbi gives for one sequence; see the kernel. */
struct Best {
  REAL *best, *states;
  int64* paths;
  const REAL* factors;
  double *counts, *stops;
};

/* Message, next message and transition near are in shared memory if NEAR; chosen: the best oldest state before each
   history, if paths are wanted. */
template <bool NEAR>
__device__ void best_path(const Chain& c, double* message, double* next, const REAL* near, int* chosen, int64 b,
                          int64 length, const Best& out) {
  const int K = c.K;
  int Q = 1;
  if (threadIdx.x == 0) message[0] = 0;
  __syncthreads();
  for (int64 t = 0; t < length; ++t) {
    const Step s = c.step(t);
    const REAL* emission = c.emission + row_of(c.starts, c.N, b, t) * K;
    Q = s.R * K;
    for (int q = threadIdx.x; q < Q; q += blockDim.x) {
      const int r = s.R == 1 ? 0 : q / K, v = q - r * K;
      const REAL emitted = emission[v];
      double top;
      int arg = 0;
      bool wrong = false;
      if (s.H == 1) {
        top = message[r] + c.logs[(s.row + r) * K + v];
      } else {
        const double* before = message + r;
        const REAL* arc = (NEAR ? near : c.logs + s.row * K) + r * K + v;
        top = *before + *arc;
        wrong = top != top;
#pragma unroll 4
        for (int h = 1; h < K; ++h) {
          before += s.R;
          arc += s.R * K;
          const double value = *before + *arc;
          wrong |= value != value;
          if (value > top) { top = value; arg = h; }
        }
      }
      if (wrong) top = INF - INF;
      next[q] = top + emitted;
      if (out.paths) chosen[t * c.M + q] = arg;
    }
    double* swap = message; message = next; next = swap;
    __syncthreads();
  }
  if (threadIdx.x) return;
  const int digits = length < c.n - 1 ? length : c.n - 1;
  double top = -INF;
  int at = 0;
  for (int q = 0; q < Q; ++q) {
    const double value = message[q] + (c.end && length ? c.end[q % K] : (REAL)0);
    if (value > top || value != value || (value == top && lower(q, at, K, digits))) { top = value; at = q; }
  }
  out.best[b] = top;
  if (!out.paths) return;
  const double factor = top == -INF ? 0 : out.factors ? (double)out.factors[b] : 1.0;
  if (out.counts && length) out.stops[at % K] += factor;
  for (int64 t = length - 1; t >= 0; --t) {
    const Step s = c.step(t);
    const int64 row = row_of(c.starts, c.N, b, t);
    const int r = s.R == 1 ? 0 : at / K, v = at - r * K, before = chosen[t * c.M + at] * s.R + r;
    out.paths[row] = v;
    if (out.states) out.states[row * K + v] = factor;
    if (out.counts) out.counts[(s.row + before) * K + v] += factor;
    at = before;
  }
}

template <bool NEAR>
__device__ void find_best(const Chain& c, int where, const int64* lengths, int64 steps, double* own, Best out) {
  int* chosen = (int*)own;
  double* message = NEAR || where & 1 ? shared : own + (out.paths ? (steps * c.M + 1) / 2 : 0);
  REAL* near = (REAL*)(shared + 2 * c.M);
  if (NEAR)
    for (int i = threadIdx.x; i < c.M * c.K; i += blockDim.x) near[i] = c.logs[c.last.row * c.K + i];
  if (out.counts)
    for (int64 i = threadIdx.x; out.counts + i < out.stops + c.K; i += blockDim.x) out.counts[i] = 0;
  for (int64 b = blockIdx.x; b < c.N; b += gridDim.x) {
    const int64 length = lengths ? lengths[b] : steps;
    best_path<NEAR>(c, message, message + c.M, near, chosen, b, length, out);
    if (out.paths && !c.starts)
      for (int64 t = length + threadIdx.x; t < steps; t += blockDim.x) out.paths[t * c.N + b] = 0;
    __syncthreads();
  }
}

/* The score of the best path of each sequence, (N,). If paths is not null, also its states (rows,), zeros in the
   padding; and if counts is not null, how often each score is used on it, as in forward_backward; what no path uses in
   states must be 0 already. */
extern "C" __global__ void __launch_bounds__(512)
viterbi(const REAL* logs, const REAL* emission, const REAL* end, const int64* starts, const int64* lengths, int64 steps,
        int64 N, int K, int n, int varies, int where, double* work, int64 room, int64 arcs, const REAL* factors,
        REAL* best, int64* paths, REAL* states, double* counts) {
  const Step last = step_at(n - 1, K, n, 0);
  const Chain c = {logs, emission, end, 0, 0, 0, starts, N, K, last.H * last.R, n, varies, last};
  double* mine = counts ? counts + blockIdx.x * (arcs + K) : 0;
  const Best out = {best, states, paths, factors, mine, mine + arcs};
  double* own = work + blockIdx.x * room;
  if ((where & 3) == 3) find_best<true>(c, where, lengths, steps, own, out);
  else find_best<false>(c, where, lengths, steps, own, out);
}
"""
