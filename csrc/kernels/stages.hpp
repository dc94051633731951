// Stages of preparing and using in one parallel region                                       for gemm.hpp
//
//   prepare(0) use(0) prepare(1) use(1) ...              one buffer
//   prepare(0) prepare(1) use(0) prepare(2) use(1) ...   three buffers
//
// Each is many items, handed out in this order. A region for each would cost a handover of a microsecond, and the wait
// for the last item of each. Here an item waits for what it needs only: that was handed out before, so that somebody is
// at it, and with the next stage prepared in between it is mostly done by then.
//
//   prepare(s)  needs use(s - buffers), which read the same buffer
//   use(s)      needs prepare(s), and use(s - 1), to whose results it adds
#pragma once
#include "../parallel.hpp"
#include "../scratch.hpp"

namespace cuarzo {

class Countdown {
  public:
    explicit Countdown(Index items) : left_(items) {}
    void one_done() { left_.fetch_sub(1, std::memory_order_release); }
    void wait() const {
        for (int spin = 0; left_.load(std::memory_order_acquire) > 0; ++spin)
            if (spin < 1000)
                pool::relax();
            else
                std::this_thread::yield(); // whoever is at it may have lost its core
    }

  private:
    std::atomic<Index> left_;
};

// prepare(stage, item) and use(stage, item) must not throw: who waits for them would wait for ever.
template <class Prepare, class Use>
void run_stages(Scratch &scratch, Index stages, Index buffers, Index prepares, Prepare prepare, Index uses, Use use,
                bool serial) {
    Countdown *prepared = scratch.take<Countdown>(stages), *used = scratch.take<Countdown>(stages);
    for (Index s = 0; s < stages; ++s) {
        new (prepared + s) Countdown(prepares);
        new (used + s) Countdown(uses);
    }
    const auto run_prepare = [&](Index s, Index item) {
        if (s >= buffers) used[s - buffers].wait();
        prepare(s, item);
        prepared[s].one_done();
    };
    const auto run_use = [&](Index s, Index item) {
        prepared[s].wait();
        if (s > 0) used[s - 1].wait();
        use(s, item);
        used[s].one_done();
    };
    const Index items = stages * (prepares + uses);
    parallel_for(items, serial ? 1 : parallel_slots(items), [&](Index i, Index) {
        const Index ahead = buffers > 1 ? 1 : 0, first = ahead * prepares; // items that come before the rounds
        if (i < first) return run_prepare(0, i);
        const Index s = (i - first) / (prepares + uses), item = (i - first) % (prepares + uses);
        if (s + ahead == stages) return run_use(s, item); // nothing is left to prepare
        if (item < prepares) return run_prepare(s + ahead, item);
        run_use(s, item - prepares);
    });
}

} // namespace cuarzo
