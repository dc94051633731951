// Threads: the one door through which every parallel loop goes.
//
//   const Index slots = parallel_slots(items);          // how many threads may take part; scratch is taken for so many
//   parallel_for(items, slots, [&](Index item, Index slot) { ... });
//
// A pool of threads sleeps until a loop begins. The caller takes part, and it never waits for a thread that has not
// woken yet: beside a busy neighbour a loop is then no slower than a serial one. Items are handed out one by one, so
// which thread runs an item is chance: an item must compute the same bits wherever it runs, and no two may write to the
// same place.
//
// * A loop inside a loop, and a loop of a second Python thread while the pool is taken, runs serially in its caller.
// * The first exception stops the handing out and is thrown again in the caller.
// * After a fork the child has no pool threads: it forgets the pool and starts its own when it needs one.
// * On Linux a thread that wakes on its caller's core moves to another one, and stays away from it. Where something else
//   had the other core for a moment (threads of another library that look for work), the system woke it there again
//   and again: a product of 0.23 ms on two threads took 0.46, for as long as it was called.
// * At exit the threads are simply left asleep: the pool is never destroyed, nothing waits for them.
#pragma once
#include "simd/vec.hpp"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace cuarzo {

inline constexpr Index max_threads = 256;

namespace pool {

inline std::atomic<Index> thread_count{1};
inline thread_local bool inside = false;

struct Loop {
    void (*run)(void *body, Index item, Index slot);
    void *body;
    Index items, slots;
    std::atomic<Index> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error{};

    void drain(Index slot) noexcept {
        inside = true;
        try {
            for (Index item; (item = next.fetch_add(1, std::memory_order_relaxed)) < items;) run(body, item, slot);
        } catch (...) {
            if (!failed.exchange(true)) error = std::current_exception();
            next.store(items, std::memory_order_relaxed);
        }
        inside = false;
    }
};

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

inline int current_core() {
#if defined(__linux__)
    return sched_getcpu();
#else
    return -1;
#endif
}

// The cores on which a thread was free to run when it started.
class Cores {
  public:
#if defined(__linux__)
    Cores() { known_ = sched_getaffinity(0, sizeof cores_, &cores_) == 0; }
    // Let this thread run on any of them but one, if there is another.
    void avoid(int core) const {
        if (!known_ || core < 0 || core >= CPU_SETSIZE) return;
        cpu_set_t others = cores_;
        CPU_CLR(core, &others);
        if (CPU_COUNT(&others) > 0) sched_setaffinity(0, sizeof others, &others); // where that fails nothing is lost
    }

  private:
    cpu_set_t cores_;
    bool known_;
#else
    void avoid(int) const {}
#endif
};

class Pool {
  public:
    std::mutex door; // held by the one caller whose loop is running

    void run(Loop &loop) {
        start(loop.slots - 1);
        {
            std::lock_guard lock(mutex_);
            loop_ = &loop;
            core_ = current_core();
            round_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        loop.drain(0);
        {
            std::lock_guard lock(mutex_);
            loop_ = nullptr; // who wakes from here on finds nothing and sleeps again
        }
        for (int spin = 0; working_ > 0 && spin < spins; ++spin) relax();
        std::unique_lock lock(mutex_); // taken even when all is done: what the workers wrote is then visible here
        idle_.wait(lock, [this] { return working_ == 0; });
    }

  private:
    // The next loop of a training step often follows within microseconds, and waking a sleeping thread takes longer:
    // so look for a while before going to sleep. Short, since the core may be wanted by someone else.
    static constexpr int spins = 2000;

    void start(Index wanted) {
        try {
            for (; started_ < wanted; ++started_) std::thread(&Pool::work, this, started_ + 1).detach();
        } catch (const std::system_error &) {
            // The system has no thread for us: the caller does what they would have done.
        }
    }

    void work(Index slot) {
        std::uint64_t seen = 0;
        const Cores cores;
        for (;;) {
            for (int spin = 0; round_.load(std::memory_order_acquire) == seen && spin < spins; ++spin) relax();
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return round_.load(std::memory_order_relaxed) != seen; });
            seen = round_.load(std::memory_order_relaxed);
            Loop *loop = loop_;
            if (loop && slot >= loop->slots) continue;
            const int core = core_;
            working_ += loop ? 1 : 0;
            lock.unlock();
            if (core == current_core()) cores.avoid(core);
            if (!loop) continue; // it woke too late, perhaps because its core was taken
            loop->drain(slot);
            lock.lock();
            if (--working_ == 0) idle_.notify_one();
        }
    }

    std::mutex mutex_; // guards loop_, core_, and every change of working_ and round_
    std::condition_variable wake_, idle_;
    std::atomic<std::uint64_t> round_{0};
    Loop *loop_ = nullptr;
    int core_ = -1; // where its caller runs
    Index started_ = 0;
    std::atomic<Index> working_{0};
};

inline std::atomic<Pool *> current{nullptr};

// Called once, when the module is imported.
inline void prepare() {
    current = new Pool;
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, [] { current = new Pool; });
#endif
}

} // namespace pool

inline void set_num_threads(Index n) { pool::thread_count = std::clamp<Index>(n, 1, max_threads); }

inline Index parallel_slots(Index items) {
    if (pool::inside) return 1;
    return std::max<Index>(1, std::min<Index>(items, pool::thread_count.load(std::memory_order_relaxed)));
}

template <class Body> void parallel_for(Index items, Index slots, Body &&body) {
    std::unique_lock<std::mutex> door;
    if (slots > 1 && items > 1) door = std::unique_lock(pool::current.load()->door, std::try_to_lock);
    if (!door.owns_lock()) {
        for (Index item = 0; item < items; ++item) body(item, Index{0});
        return;
    }
    using Plain = std::remove_reference_t<Body>;
    pool::Loop loop{[](void *b, Index item, Index slot) { (*static_cast<Plain *>(b))(item, slot); },
                    const_cast<void *>(static_cast<const void *>(&body)), items, slots};
    pool::current.load()->run(loop);
    if (loop.error) std::rethrow_exception(loop.error);
}

// `items` in blocks of `size`: begin and end of block `index`.
struct Range {
    Index begin, end;
    Range(Index index, Index size, Index items) : begin(index * size), end(std::min(begin + size, items)) {}
};

inline Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
inline Index round_up(Index a, Index b) { return ceil_div(a, b) * b; }

} // namespace cuarzo
