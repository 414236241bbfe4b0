"""The passes as CUDA kernels: forward, forward-backward and Viterbi, one block of threads for each sequence.

`on_device` compiles this source with CuPy, for REAL = float or double, and launches it. Sums are always computed in
double, Viterbi in REAL. A loop ``for (k = threadIdx.x; k < K; k += blockDim.x)`` is right for any number of threads,
one included, so the tests run the same source on the host, compiled as C++.

As in `score_tables`, a message has H x R entries (the oldest state, all others), and a table H x R x K. A message holds
logs relative to its largest entry. A step multiplies exponentials, which costs no exp for each arc: the weights of the
table relative to the largest of each column (its top), times those of the message. Where that sum is so small that
terms may have underflowed, it is taken again in logs (`log_sum`), so nothing that matters is lost, and what is
impossible stays exactly -inf. NaN and +inf among the scores make the result NaN.
"""

SOURCE = r"""
typedef long long int64;
#define INF __longlong_as_double(0x7ff0000000000000LL)
#define FLOOR 1e-270  /* sums below this may have lost terms */

extern __shared__ double shared[];

/* The larger one; NaN if there is one. */
__device__ inline double larger(double x, double y) { return x > y || x != x ? x : y; }

/* The largest, or the sum, of one number from each thread. `room` is used by nobody else until the next barrier. */
__device__ double block_max(double x, double* room) {
  for (int o = blockDim.x < 32 ? blockDim.x / 2 : 16; o; o >>= 1) x = larger(x, __shfl_xor_sync(0xffffffffu, x, o));
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  __syncthreads();
  x = room[0];
  for (int i = 1; 32 * i < blockDim.x; ++i) x = larger(x, room[i]);
  return x;
}

__device__ double block_sum(double x, double* room) {
  for (int o = blockDim.x < 32 ? blockDim.x / 2 : 16; o; o >>= 1) x += __shfl_xor_sync(0xffffffffu, x, o);
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  __syncthreads();
  x = room[0];
  for (int i = 1; 32 * i < blockDim.x; ++i) x += room[i];
  return x;
}

/* Which table a step has, and where it lies: those of the first order - 1 steps, then one or several transitions. */
struct Step {
  int H, R;
  int64 row, column;  /* of all tables, one below the other: the first of H x R rows and of R x K columns */
};

__device__ Step step_at(int64 t, int K, int order, int varies) {
  Step s = {1, 1, 0, 0};
  for (int i = 0; i < t && i < order - 1; ++i) { s.row += s.R; s.R *= K; }
  s.column = s.row * K;
  if (t >= order - 1) {
    int64 before = varies ? (t - order + 1) * s.R : 0;
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

/* The tops of all columns, and the weights relative to them, in rows of K | 1 numbers: an odd number, so that threads
   that read down a column of shared memory do not wait for each other. */
extern "C" __global__ void __launch_bounds__(512)
weigh(const REAL* logs, int K, int order, int64 columns, double* tops, double* weights) {
  const int64 width = K | 1;
  const Step last = step_at(order - 1, K, order, 0);
  const int64 M = (int64)last.H * last.R;
  for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < columns; i += (int64)gridDim.x * blockDim.x) {
    int64 row = i / K, stride = 1, H = 1, v = i % K;
    if (i >= last.column) {
      const int64 n = (i - last.column) / M, q = (i - last.column) % M;
      H = K;
      stride = last.R;
      row = last.row + n * M + q / K;
      v = q % K;
    }
    double top = -INF;
    for (int64 h = 0; h < H; ++h) top = larger(top, logs[(row + h * stride) * K + v]);
    if (top == -INF) top = 0;
    tops[i] = top;
    for (int64 h = 0; h < H; ++h) weights[(row + h * stride) * width + v] = exp(logs[(row + h * stride) * K + v] - top);
  }
}

/* What the kernels of sums work with. */
struct Chain {
  const REAL *logs, *emission, *end;  /* end may be null */
  const double *tops, *weights, *near;  /* near: the weights of the transition in shared memory, or null */
  const int64* starts;
  int64 N, M;
  int K, order, varies;
};

/* Messages and what belongs to them, M numbers each. */
struct Space {
  double *message, *next, *power, *posterior, *share, *total;
  double* room;  /* 96 numbers, always in shared memory */
};

__device__ inline const double* weights_of(const Chain& c, const Step& s, int64 t) {
  return c.near && t >= c.order - 1 ? c.near : c.weights + s.row * (c.K | 1);
}

/* log sum over the oldest state, term by term; for what is too small for a product of weights. */
__device__ double log_sum(const double* message, const REAL* logs, const Step& s, int K, int r, int v) {
  double top = -INF, sum = 0;
  for (int h = 0; h < s.H; ++h) top = larger(top, message[h * s.R + r] + logs[((int64)h * s.R + r) * K + v]);
  if (top == -INF) return top;
  for (int h = 0; h < s.H; ++h) sum += exp(message[h * s.R + r] + logs[((int64)h * s.R + r) * K + v] - top);
  return top + log(sum);
}

/* The forward pass: the log of the sum over all paths, and in x.posterior the posterior of the last history.
   For a way back, kept and sums get each step's message, and the sum before its logarithm. */
__device__ double forward(const Chain& c, Space& x, int64 b, int64 length, double* kept, double* sums) {
  const int K = c.K;
  double scale = 0;
  int Q = 1;
  if (threadIdx.x == 0) { x.message[0] = 0; x.power[0] = 1; }
  __syncthreads();
  for (int64 t = 0; t < length; ++t) {
    const Step s = step_at(t, K, c.order, c.varies);
    const double* weights = weights_of(c, s, t);
    const REAL* emission = c.emission + row_of(c.starts, c.N, b, t) * K;
    double top = -INF;
    Q = s.R * K;
    for (int q = threadIdx.x; q < Q; q += blockDim.x) {
      const int r = q / K, v = q - r * K;
      double sum = 0;
      for (int h = 0; h < s.H; ++h) sum += x.power[h * s.R + r] * weights[((int64)h * s.R + r) * (K | 1) + v];
      double value = sum >= FLOOR ? log(sum) + c.tops[s.column + q]
                                  : log_sum(x.message, c.logs + s.row * K, s, K, r, v);
      value += emission[v];
      x.next[q] = value;
      top = larger(top, value);
      if (sums) sums[t * c.M + q] = sum;
    }
    top = block_max(top, x.room + 32 * (t & 1));
    if (top == -INF) return top;
    scale += top;
    for (int q = threadIdx.x; q < Q; q += blockDim.x) {
      const double value = x.next[q] - top;
      x.next[q] = value;
      x.power[q] = exp(value);
      if (kept) kept[t * c.M + q] = value;
    }
    double* swap = x.message; x.message = x.next; x.next = swap;
    __syncthreads();
  }
  double top = -INF, sum = 0;
  for (int q = threadIdx.x; q < Q; q += blockDim.x) {
    x.posterior[q] = x.message[q] + (c.end && length ? (double)c.end[q % K] : 0.0);
    top = larger(top, x.posterior[q]);
  }
  top = block_max(top, x.room + 32 * (length & 1));
  if (top == -INF) return top;
  for (int q = threadIdx.x; q < Q; q += blockDim.x) sum += x.posterior[q] = exp(x.posterior[q] - top);
  sum = block_sum(sum, x.room + 64);
  for (int q = threadIdx.x; q < Q; q += blockDim.x) x.posterior[q] /= sum;
  return scale + top + log(sum);
}

/* Going back: posteriors of the states, and expected counts of the arcs, times a factor.
   counts: of the tables of the first steps and, if near is null, of the transitions; near: of the transition. */
__device__ void backward(const Chain& c, Space& x, int64 b, int64 length, const double* kept, const double* sums,
                         double factor, REAL* states, double* counts, double* near, double* stops) {
  const int K = c.K;
  for (int64 t = length - 1; t >= 0; --t) {
    const Step s = step_at(t, K, c.order, c.varies);
    const double* weights = weights_of(c, s, t);
    const REAL* logs = c.logs + s.row * K;
    REAL* found = states + row_of(c.starts, c.N, b, t) * K;
    const int before = s.H * s.R, Q = s.R * K;
    for (int i = threadIdx.x; i < before; i += blockDim.x) {
      x.message[i] = t ? kept[(t - 1) * c.M + i] : 0;
      x.power[i] = exp(x.message[i]);
    }
    __syncthreads();  /* and the posterior is complete */
    for (int v = threadIdx.x; v < K; v += blockDim.x) {
      double sum = 0;
      for (int r = 0; r < s.R; ++r) sum += x.posterior[r * K + v];
      found[v] = factor * sum;
      if (counts && t == length - 1) stops[v] += factor * sum;
    }
    double* used = counts ? near && t >= c.order - 1 ? near : counts + s.row * K : 0;
    for (int q = threadIdx.x; q < Q; q += blockDim.x) {
      const int r = q / K, v = q - r * K;
      const double posterior = x.posterior[q], sum = sums[t * c.M + q];
      const bool lost = posterior != 0 && sum < FLOOR;
      const double share = posterior == 0 ? 0 : lost ? -1 : posterior / sum;
      if (lost) x.total[q] = log_sum(x.message, logs, s, K, r, v);
      x.share[q] = share;
      if (used && posterior != 0)
        for (int h = 0; h < s.H; ++h) {
          const int i = h * s.R + r;
          used[(int64)i * K + v] += factor * (lost ? posterior * exp(x.message[i] + logs[(int64)i * K + v] - x.total[q])
                                                   : x.power[i] * weights[(int64)i * (K | 1) + v] * share);
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < before; i += blockDim.x) {
      const int r = i % s.R;
      double sum = 0, rest = 0;
      for (int v = 0; v < K; ++v) {
        const double share = x.share[r * K + v];
        if (share < 0)
          rest += x.posterior[r * K + v] * exp(x.message[i] + logs[(int64)i * K + v] - x.total[r * K + v]);
        else
          sum += weights[(int64)i * (K | 1) + v] * share;
      }
      x.next[i] = x.power[i] * sum + rest;  /* read after the next barrier; all else here is a thread's own */
    }
    double* swap = x.posterior; x.posterior = x.next; x.next = swap;
  }
}

/* In the kernels, `where` says what lies in shared memory: 1 the messages, 2 the weights, 4 the counts; what does not
   lies in `work`, of which each block has `room` numbers. */
__device__ Space space_in(double* rest, int64 M) {
  Space x = {rest, rest + M, rest + 2 * M, rest + 3 * M, rest + 4 * M, rest + 5 * M, shared};
  return x;
}

/* The log of the sum over all paths of each sequence, (N,). */
extern "C" __global__ void __launch_bounds__(512)
log_partition(const REAL* logs, const double* tops, const double* weights, const REAL* emission, const REAL* end,
              const int64* starts, const int64* lengths, int64 steps, int64 N, int K, int order, int varies, int where,
              double* work, int64 room, REAL* totals) {
  const Step last = step_at(order - 1, K, order, 0);
  const int64 M = (int64)last.H * last.R, size = M * (K | 1);
  double* rest = shared + 96;
  Space x = space_in(where & 1 ? rest : work + blockIdx.x * room, M);
  if (where & 1) rest += 6 * M;
  if (where & 2)
    for (int64 i = threadIdx.x; i < size; i += blockDim.x) rest[i] = weights[last.row * (K | 1) + i];
  const Chain c = {logs, emission, end, tops, weights, where & 2 ? rest : 0, starts, N, M, K, order, varies};
  for (int64 b = blockIdx.x; b < N; b += gridDim.x) {
    const double total = forward(c, x, b, lengths ? lengths[b] : steps, 0, 0);
    if (threadIdx.x == 0) totals[b] = total;
    __syncthreads();
  }
}

/* Posteriors (rows, K) and, if counts is not null, expected counts: for each block those of all arcs, then of the
   stops. Each sequence counts as often as its factor says. */
extern "C" __global__ void __launch_bounds__(512)
forward_backward(const REAL* logs, const double* tops, const double* weights, const REAL* emission, const REAL* end,
                 const int64* starts, const int64* lengths, int64 steps, int64 N, int K, int order, int varies,
                 int where, double* work, int64 room, int64 arcs, const REAL* factors, REAL* totals, REAL* states,
                 double* counts) {
  const Step last = step_at(order - 1, K, order, 0);
  const int64 M = (int64)last.H * last.R, size = M * (K | 1);
  double *rest = shared + 96, *kept = work + blockIdx.x * room, *sums = kept + steps * M;
  Space x = space_in(where & 1 ? rest : sums + steps * M, M);
  if (where & 1) rest += 6 * M;
  const double* near = where & 2 ? rest : 0;
  if (near) {
    for (int64 i = threadIdx.x; i < size; i += blockDim.x) rest[i] = weights[last.row * (K | 1) + i];
    rest += size;
  }
  double* mine = counts ? counts + blockIdx.x * (arcs + K) : 0;
  double* used = counts && where & 4 ? rest : 0;
  if (mine)
    for (int64 i = threadIdx.x; i < arcs + K; i += blockDim.x) mine[i] = 0;
  if (used)
    for (int64 i = threadIdx.x; i < M * K; i += blockDim.x) used[i] = 0;
  const Chain c = {logs, emission, end, tops, weights, near, starts, N, M, K, order, varies};
  for (int64 b = blockIdx.x; b < N; b += gridDim.x) {
    const int64 length = lengths ? lengths[b] : steps;
    const double total = forward(c, x, b, length, kept, sums);
    if (threadIdx.x == 0) totals[b] = total;
    if (total != -INF)
      backward(c, x, b, length, kept, sums, factors ? (double)factors[b] : 1.0, states, mine, used, mine + arcs);
    const int64 zeros = total == -INF ? 0 : length, stop = starts ? length : steps;
    for (int64 i = zeros * K + threadIdx.x; i < stop * K; i += blockDim.x)
      states[row_of(starts, N, b, i / K) * K + i % K] = 0;
    __syncthreads();
  }
  if (used)
    for (int64 i = threadIdx.x; i < M * K; i += blockDim.x) mine[last.row * K + i] = used[i];
}

/* Whether of two histories of so many states the first has the lower last state, or then the lower one before it. */
__device__ bool lower(int64 x, int64 y, int K, int digits) {
  for (; digits; --digits, x /= K, y /= K)
    if (x % K != y % K) return x % K < y % K;
  return false;
}

/* The score of the best path of each sequence, (N,). If paths is not null, also its states (rows,), zeros in the
   padding; and if counts is not null, how often each score is used on it, as in forward_backward; what no path uses in
   states must be 0 already. */
extern "C" __global__ void __launch_bounds__(512)
viterbi(const REAL* logs, const REAL* emission, const REAL* end, const int64* starts, const int64* lengths, int64 steps,
        int64 N, int K, int order, int varies, int where, double* work, int64 room, int64 arcs, const REAL* factors,
        REAL* best, int64* paths, REAL* states, double* counts) {
  const Step last = step_at(order - 1, K, order, 0);
  const int64 M = (int64)last.H * last.R;
  REAL* rest = (REAL*)shared;
  double* own = work + blockIdx.x * room;
  int* chosen = (int*)own;  /* the best oldest state before each history */
  REAL *message = where & 1 ? rest : (REAL*)(own + (paths ? (steps * M + 1) / 2 : 0)), *next = message + M;
  if (where & 1) rest += 2 * M;
  if (where & 2)
    for (int64 i = threadIdx.x; i < M * K; i += blockDim.x) rest[i] = logs[last.row * K + i];
  double* mine = counts ? counts + blockIdx.x * (arcs + K) : 0;
  if (mine)
    for (int64 i = threadIdx.x; i < arcs + K; i += blockDim.x) mine[i] = 0;
  for (int64 b = blockIdx.x; b < N; b += gridDim.x) {
    const int64 length = lengths ? lengths[b] : steps;
    int Q = 1;
    if (threadIdx.x == 0) message[0] = 0;
    __syncthreads();
    for (int64 t = 0; t < length; ++t) {
      const Step s = step_at(t, K, order, varies);
      const REAL* table = where & 2 && t >= order - 1 ? rest : logs + s.row * K;
      const REAL* emitted = emission + row_of(starts, N, b, t) * K;
      Q = s.R * K;
      for (int q = threadIdx.x; q < Q; q += blockDim.x) {
        const int r = q / K, v = q - r * K;
        REAL top = message[r] + table[(int64)r * K + v];
        int arg = 0;
        for (int h = 1; h < s.H; ++h) {
          const REAL value = message[h * s.R + r] + table[((int64)h * s.R + r) * K + v];
          if (value > top || value != value) { top = value; arg = h; }
        }
        next[q] = top + emitted[v];
        if (paths) chosen[t * M + q] = arg;
      }
      REAL* swap = message; message = next; next = swap;
      __syncthreads();
    }
    if (threadIdx.x == 0) {
      const int digits = length < order - 1 ? length : order - 1;
      REAL top = -INF;
      int64 at = 0;
      for (int q = 0; q < Q; ++q) {
        const REAL value = message[q] + (end && length ? end[q % K] : (REAL)0);
        if (value > top || value != value || (value == top && lower(q, at, K, digits))) { top = value; at = q; }
      }
      best[b] = top;
      if (paths) {
        const double factor = top == -INF ? 0 : factors ? (double)factors[b] : 1.0;
        if (mine && length) mine[arcs + at % K] += factor;
        for (int64 t = length - 1; t >= 0; --t) {
          const Step s = step_at(t, K, order, varies);
          const int64 row = row_of(starts, N, b, t), before = (int64)chosen[t * M + at] * s.R + at / K;
          paths[row] = at % K;
          if (states) states[row * K + at % K] = factor;
          if (mine) mine[(s.row + before) * K + at % K] += factor;
          at = before;
        }
      }
    }
    if (paths && !starts)
      for (int64 t = length + threadIdx.x; t < steps; t += blockDim.x) paths[t * N + b] = 0;
    __syncthreads();
  }
}
"""
