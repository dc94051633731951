// Module _cpu: which builds this CPU can run, and what it is called. Compiled for the oldest CPU of its kind.
#include <pybind11/pybind11.h>
#include <string>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace {

namespace py = pybind11;

#if defined(__x86_64__)
// The first of `needed` that is missing decides. __builtin_cpu_supports also asks whether the system saves the registers.
#define CUARZO_NEEDS(feature)                                                                                          \
    if (!__builtin_cpu_supports(feature)) return "this CPU lacks " feature

std::string missing_for_baseline() {
    CUARZO_NEEDS("sse3");
    CUARZO_NEEDS("ssse3");
    CUARZO_NEEDS("sse4.1");
    CUARZO_NEEDS("sse4.2");
    CUARZO_NEEDS("popcnt");
    return "";
}

bool leaf_bit(unsigned leaf, unsigned bit) { // of register ecx
    unsigned a, b, c, d;
    return __get_cpuid(leaf, &a, &b, &c, &d) && (c >> bit & 1);
}

std::string missing_for_avx2() {
    CUARZO_NEEDS("avx2");
    CUARZO_NEEDS("fma");
    CUARZO_NEEDS("bmi");
    CUARZO_NEEDS("bmi2");
    if (!leaf_bit(1, 22)) return "this CPU lacks movbe";
    if (!leaf_bit(1, 29)) return "this CPU lacks f16c";
    if (!leaf_bit(0x80000001, 5)) return "this CPU lacks lzcnt";
    return missing_for_baseline();
}

std::string missing_for_avx512() {
    CUARZO_NEEDS("avx512f");
    CUARZO_NEEDS("avx512bw");
    CUARZO_NEEDS("avx512cd");
    CUARZO_NEEDS("avx512dq");
    CUARZO_NEEDS("avx512vl");
    return missing_for_avx2();
}

std::string cpu_name() {
    unsigned words[12] = {};
    for (unsigned i = 0; i < 3; ++i)
        if (!__get_cpuid(0x80000002 + i, words + 4 * i, words + 4 * i + 1, words + 4 * i + 2, words + 4 * i + 3))
            return "x86-64";
    const std::string name(reinterpret_cast<const char *>(words), sizeof words);
    const auto begin = name.find_first_not_of(' '), end = name.find('\0');
    return begin == std::string::npos ? "x86-64" : name.substr(begin, end - begin);
}
#else
std::string missing_for_baseline() { return ""; }
std::string missing_for_avx2() { return "this is not an x86-64 CPU"; }
std::string missing_for_avx512() { return "this is not an x86-64 CPU"; }

std::string cpu_name() {
#if defined(__APPLE__)
    char name[128];
    std::size_t size = sizeof name;
    if (sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0) return name;
#endif
#if defined(__aarch64__)
    return "64-bit Arm";
#else
    return "unknown";
#endif
}
#endif

// The best build first.
py::dict builds() {
    py::dict reasons;
    reasons["avx512"] = missing_for_avx512();
    reasons["avx2"] = missing_for_avx2();
    reasons["baseline"] = missing_for_baseline();
    return reasons;
}

} // namespace

PYBIND11_MODULE(_cpu, m) {
    m.doc() = "What this CPU can run.";
    m.def("builds", builds, "Each build, the best first -> empty, or the reason why this CPU cannot run it.");
    m.def("name", cpu_name, "What the CPU calls itself.");
}
