// Memory for results, recycled: module _memory, on which src/cuarzo/memory.py stands.
//
// A training step makes the same arrays again and again. What malloc gives back to the system has to be fetched anew,
// page by page: a microsecond for 4 KiB on the machine that this was measured on, ten times what a kernel needs to fill
// it. So a block goes to a list when the array that owns it is destroyed, and the next array of its size class takes it:
//
//   empty(shape, dtype) -> array, whose base is a capsule: the block is free when the array and all views are gone
//
// Blocks begin at a cache line. Idle ones are kept up to `most_idle` bytes in all, those used last. The interpreter's
// lock guards the lists: arrays are made and destroyed under it.
#include <cstddef>
#include <list>
#include <map>
#include <new>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace {

constexpr const char *block_name = "cuarzo.memory";
constexpr std::size_t alignment = 64, most_idle = std::size_t{256} << 20;

// Eight classes between two powers of two: at most an eighth of a block is idle, and shapes that differ a little meet.
std::size_t size_class(std::size_t bytes) {
    std::size_t step = 4096;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
}

struct Block { // stands before the memory that it describes
    std::size_t size;
    std::list<Block *>::iterator place; // among the idle ones
};
static_assert(sizeof(Block) <= alignment);

class Pool {
  public:
    void *take(std::size_t bytes) {
        const std::size_t size = size_class(bytes);
        const auto found = free_.find(size);
        if (found == free_.end() || found->second.empty()) {
            void *memory = ::operator new(size + alignment, std::align_val_t{alignment});
            return start(new (memory) Block{size, {}});
        }
        Block *block = found->second.back();
        found->second.pop_back();
        idle_.erase(block->place);
        idle_bytes_ -= size;
        return start(block);
    }

    void give(void *memory) {
        Block *block = reinterpret_cast<Block *>(static_cast<std::byte *>(memory) - alignment);
        free_[block->size].push_back(block);
        block->place = idle_.insert(idle_.end(), block);
        idle_bytes_ += block->size;
        while (idle_bytes_ > most_idle) release(idle_.front());
    }

  private:
    static void *start(Block *block) { return reinterpret_cast<std::byte *>(block) + alignment; }

    void release(Block *block) { // the one that waits longest: the first of its class
        free_[block->size].pop_front();
        idle_.erase(block->place);
        idle_bytes_ -= block->size;
        ::operator delete(block, std::align_val_t{alignment});
    }

    std::map<std::size_t, std::list<Block *>> free_; // by size; the one used last is taken first
    std::list<Block *> idle_;                        // the one that waits longest stands first
    std::size_t idle_bytes_ = 0;
};

// Never destroyed: at exit some arrays outlive the statics.
Pool &pool() {
    static Pool &pool = *new Pool;
    return pool;
}

py::array empty(const std::vector<py::ssize_t> &shape, const py::dtype &dtype) {
    std::size_t bytes = static_cast<std::size_t>(dtype.itemsize());
    for (const py::ssize_t n : shape)
        if (n < 0) throw py::value_error("empty: negative dimensions are not allowed");
    for (const py::ssize_t n : shape)
        if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(n), &bytes) || bytes > PTRDIFF_MAX / 2)
            throw std::bad_alloc();
    void *memory = pool().take(bytes);
    const py::capsule owner(memory, block_name,
                            [](PyObject *capsule) { pool().give(PyCapsule_GetPointer(capsule, block_name)); });
    return py::array(dtype, shape, memory, owner);
}

bool is_block(py::handle base) { return PyCapsule_IsValid(base.ptr(), block_name) != 0; }

} // namespace

PYBIND11_MODULE(_memory, m) {
    m.doc() = "Memory for results, recycled.";
    m.def("empty", empty, "An array of this shape and dtype, not initialised.");
    m.def("is_block", is_block, "Whether the base of an array is a block of this module's memory.");
}
