"""CUDA kernels of sums over all paths: forward, and forward-backward.

Sums are always computed in double. A message holds logs relative to its largest entry. A step multiplies exponentials,
which costs no exp for each arc: the weights of the table relative to the largest of each column (its top), times those
of the message. Where that sum is so small that terms may have underflowed, it is taken again in logs (`log_sum`), so
nothing that matters is lost, and what is impossible stays exactly -inf. NaN and +inf among the scores make the result
NaN.
"""

SOURCE = r"""
#define FLOOR 1e-270  /* sums below this may have lost terms */

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

/* The tops of all columns, and the weights relative to them, in rows of K | 1 numbers: an odd number, so that threads
   that read down a column of shared memory do not wait for each other. */
extern "C" __global__ void __launch_bounds__(512)
weigh(const REAL* logs, int K, int n, int64 columns, double* tops, double* weights) {
  const int64 width = K | 1;
  const Step last = step_at(n - 1, K, n, 0);
  const int64 M = (int64)last.H * last.R;
  for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < columns; i += (int64)gridDim.x * blockDim.x) {
    int64 row = i / K, stride = 1, H = 1, v = i % K;
    if (i >= last.column) {
      const int64 which = (i - last.column) / M, q = (i - last.column) % M;
      H = K;
      stride = last.R;
      row = last.row + which * M + q / K;
      v = q % K;
    }
    double top = -INF;
    for (int64 h = 0; h < H; ++h) top = larger(top, logs[(row + h * stride) * K + v]);
    if (top == -INF) top = 0;
    tops[i] = top;
    for (int64 h = 0; h < H; ++h) weights[(row + h * stride) * width + v] = exp(logs[(row + h * stride) * K + v] - top);
  }
}

/* Messages and what belongs to them, M numbers each. */
struct Space {
  double *message, *next, *power, *posterior, *share, *total;
  double* room;  /* 96 numbers, always in shared memory */
};

/* log sum over the oldest state, term by term; for what is too small for a product of weights. */
__device__ double log_sum(const double* message, const REAL* logs, const Step& s, int K, int r, int v) {
  double top = -INF, sum = 0;
  for (int h = 0; h < s.H; ++h) top = larger(top, message[h * s.R + r] + logs[(h * s.R + r) * K + v]);
  if (top == -INF) return top;
  for (int h = 0; h < s.H; ++h) sum += exp(message[h * s.R + r] + logs[(h * s.R + r) * K + v] - top);
  return top + log(sum);
}

/* The forward pass: the log of the sum over all paths, and in x.posterior the posterior of the last history.
   For a way back, kept and sums get each step's message, and the sum before its logarithm. */
template <bool NEAR>
__device__ double forward(const Chain& c, Space& x, int64 b, int64 length, double* kept, double* sums) {
  const int K = c.K, width = K | 1;
  double scale = 0;
  int Q = 1;
  if (threadIdx.x == 0) { x.message[0] = 0; x.power[0] = 1; }
  __syncthreads();
  for (int64 t = 0; t < length; ++t) {
    const Step s = c.step(t);
    const REAL* emission = c.emission + row_of(c.starts, c.N, b, t) * K;
    double top = -INF;
    Q = s.R * K;
    for (int q = threadIdx.x; q < Q; q += blockDim.x) {
      const int r = s.R == 1 ? 0 : q / K, v = q - r * K;
      const double emitted = emission[v], column = c.tops[s.column + q];
      double sum = 0;
      if (s.H == 1) {
        sum = x.power[r] * c.weights[(s.row + r) * width + v];
      } else {
        const double* power = x.power + r;
        const double* weight = (NEAR ? c.near : c.weights + s.row * width) + r * width + v;
#pragma unroll 4
        for (int h = 0; h < K; ++h) {
          sum += *power * *weight;
          power += s.R;
          weight += s.R * width;
        }
      }
      double value = sum >= FLOOR ? log(sum) + column : log_sum(x.message, c.logs + s.row * K, s, K, r, v);
      value += emitted;
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
   counts: of all arcs; near: of the transition in shared memory, still to be multiplied by the weights, or null. */
template <bool NEAR>
__device__ void backward(const Chain& c, Space& x, int64 b, int64 length, const double* kept, const double* sums,
                         double factor, REAL* states, double* counts, double* near, double* stops) {
  const int K = c.K, width = K | 1;
  for (int64 t = length - 1; t >= 0; --t) {
    const Step s = c.step(t);
    const double* weights = NEAR && s.H > 1 ? c.near : c.weights + s.row * width;
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
    bool any = false;
    for (int q = threadIdx.x; q < Q; q += blockDim.x) {
      const int r = s.R == 1 ? 0 : q / K, v = q - r * K;
      const double posterior = x.posterior[q], sum = sums[t * c.M + q];
      const bool lost = posterior != 0 && sum < FLOOR;
      const double share = posterior == 0 || lost ? 0 : posterior / sum;
      x.share[q] = share;
      x.total[q] = lost ? log_sum(x.message, logs, s, K, r, v) : INF;
      any |= lost;
      if (!counts || posterior == 0) continue;
      double* used = counts + s.row * K + r * K + v;
      if (lost) {
        for (int h = 0, i = r; h < s.H; ++h, i += s.R)
          used[h * s.R * K] += factor * posterior * exp(x.message[i] + logs[i * K + v] - x.total[q]);
      } else if (NEAR && near && s.H > 1) {
        const double* power = x.power + r;
        double* use = near + r * K + v;
        const double scaled = factor * share;
#pragma unroll 4
        for (int h = 0; h < K; ++h) {
          *use += *power * scaled;
          power += s.R;
          use += s.R * K;
        }
      } else {
        for (int h = 0, i = r; h < s.H; ++h, i += s.R)
          used[h * s.R * K] += factor * x.power[i] * weights[i * width + v] * share;
      }
    }
    any = __syncthreads_or(any);
    for (int i = threadIdx.x; i < before; i += blockDim.x) {
      const int r = s.R == 1 ? 0 : i % s.R;
      const double *share = x.share + r * K, *total = x.total + r * K, *posterior = x.posterior + r * K;
      double sum = 0;
      if (NEAR && s.H > 1) {
        const double* weight = c.near + i * width;
#pragma unroll 4
        for (int v = 0; v < K; ++v) sum += weight[v] * share[v];
      } else {
        for (int v = 0; v < K; ++v) sum += weights[i * width + v] * share[v];
      }
      sum *= x.power[i];
      if (any)
        for (int v = 0; v < K; ++v)
          if (total[v] != INF) sum += posterior[v] * exp(x.message[i] + logs[i * K + v] - total[v]);
      x.next[i] = sum;  /* read after the next barrier; all else here is a thread's own */
    }
    double* swap = x.posterior; x.posterior = x.next; x.next = swap;
  }
}

/* In the kernels, `where` says what lies in shared memory: 1 the messages, 2 the weights, 4 the counts; what does not
   lies in `work`, of which each block has `room` numbers. */
__device__ Space space_in(double* rest, int M) {
  Space x = {rest, rest + M, rest + 2 * M, rest + 3 * M, rest + 4 * M, rest + 5 * M, shared};
  return x;
}

template <bool NEAR>
__device__ void sum_up(Chain c, int where, const int64* lengths, int64 steps, double* own, REAL* totals) {
  double* rest = shared + 96;
  Space x = space_in(NEAR || where & 1 ? rest : own, c.M);
  if (NEAR) {
    rest += 6 * c.M;
    for (int i = threadIdx.x; i < c.M * (c.K | 1); i += blockDim.x) rest[i] = c.weights[c.last.row * (c.K | 1) + i];
    c.near = rest;
  }
  for (int64 b = blockIdx.x; b < c.N; b += gridDim.x) {
    const double total = forward<NEAR>(c, x, b, lengths ? lengths[b] : steps, 0, 0);
    if (threadIdx.x == 0) totals[b] = total;
    __syncthreads();
  }
}

/* The log of the sum over all paths of each sequence, (N,). */
extern "C" __global__ void __launch_bounds__(512)
log_partition(const REAL* logs, const double* tops, const double* weights, const REAL* emission, const REAL* end,
              const int64* starts, const int64* lengths, int64 steps, int64 N, int K, int n, int varies, int where,
              double* work, int64 room, REAL* totals) {
  const Step last = step_at(n - 1, K, n, 0);
  const Chain c = {logs, emission, end, tops, weights, 0, starts, N, K, last.H * last.R, n, varies, last};
  double* own = work + blockIdx.x * room;
  if ((where & 3) == 3) sum_up<true>(c, where, lengths, steps, own, totals);
  else sum_up<false>(c, where, lengths, steps, own, totals);
}

template <bool NEAR>
__device__ void go_both_ways(Chain c, int where, const int64* lengths, int64 steps, double* own, int64 arcs,
                             const REAL* factors, REAL* totals, REAL* states, double* mine) {
  const int size = c.M * (c.K | 1);
  double *rest = shared + 96, *sums = own + steps * c.M, *near = 0;
  Space x = space_in(NEAR || where & 1 ? rest : sums + steps * c.M, c.M);
  if (NEAR) {
    rest += 6 * c.M;
    for (int i = threadIdx.x; i < size; i += blockDim.x) rest[i] = c.weights[c.last.row * (c.K | 1) + i];
    c.near = rest;
    if (mine && where & 4) {
      near = rest + size;
      for (int i = threadIdx.x; i < c.M * c.K; i += blockDim.x) near[i] = 0;
    }
  }
  if (mine)
    for (int64 i = threadIdx.x; i < arcs + c.K; i += blockDim.x) mine[i] = 0;
  for (int64 b = blockIdx.x; b < c.N; b += gridDim.x) {
    const int64 length = lengths ? lengths[b] : steps;
    const double total = forward<NEAR>(c, x, b, length, own, sums);
    if (threadIdx.x == 0) totals[b] = total;
    if (total != -INF)
      backward<NEAR>(c, x, b, length, own, sums, factors ? (double)factors[b] : 1.0, states, mine, near, mine + arcs);
    const int64 zeros = total == -INF ? 0 : length, stop = c.starts ? length : steps;
    for (int64 i = zeros * c.K + threadIdx.x; i < stop * c.K; i += blockDim.x)
      states[row_of(c.starts, c.N, b, i / c.K) * c.K + i % c.K] = 0;
    __syncthreads();
  }
  if (near)
    for (int i = threadIdx.x; i < c.M * c.K; i += blockDim.x)
      mine[c.last.row * c.K + i] += near[i] * c.near[i / c.K * (c.K | 1) + i % c.K];
}

/* Posteriors (rows, K) and, if counts is not null, expected counts: for each block those of all arcs, then of the
   stops. Each sequence counts as often as its factor says. */
extern "C" __global__ void __launch_bounds__(512)
forward_backward(const REAL* logs, const double* tops, const double* weights, const REAL* emission, const REAL* end,
                 const int64* starts, const int64* lengths, int64 steps, int64 N, int K, int n, int varies,
                 int where, double* work, int64 room, int64 arcs, const REAL* factors, REAL* totals, REAL* states,
                 double* counts) {
  const Step last = step_at(n - 1, K, n, 0);
  const Chain c = {logs, emission, end, tops, weights, 0, starts, N, K, last.H * last.R, n, varies, last};
  double *own = work + blockIdx.x * room, *mine = counts ? counts + blockIdx.x * (arcs + K) : 0;
  if ((where & 3) == 3) go_both_ways<true>(c, where, lengths, steps, own, arcs, factors, totals, states, mine);
  else go_both_ways<false>(c, where, lengths, steps, own, arcs, factors, totals, states, mine);
}
"""
