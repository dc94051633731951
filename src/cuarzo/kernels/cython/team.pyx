"""The team of OpenMP threads, and what a fork asks of it.

GNU OpenMP keeps the threads of a parallel loop waiting for the next one. A forked child inherits the list of them but
not the threads, and waits for ever. Before a fork, therefore, the team goes home; parent and child hire a new one when
they next need it.
"""

cdef extern from *:
    """
    /* omp_pause_resource_all is OpenMP 5.0; GCC has it since 9, long before it announces 5.0 */
    #if defined(_OPENMP) && (_OPENMP >= 201811 || (defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 9))
    #include <omp.h>
    static void cuarzo_dismiss(void) { omp_pause_resource_all(omp_pause_hard); }
    #else
    static void cuarzo_dismiss(void) {}
    #endif
    """
    void cuarzo_dismiss() nogil


def dismiss():
    """Let the calling thread's OpenMP team go. For os.register_at_fork(before=...)."""
    cuarzo_dismiss()
