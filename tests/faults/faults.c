/* A file system that fails on purpose, loaded before the C library (LD_PRELOAD).

   While the file FAULTS_WHILE exists, calls named in FAULTS_CALLS (",open,write,")
   on paths that match the shell pattern FAULTS_PATH fail with the number FAULTS_ERRNO: of these calls
   in one process the FAULTS_FIRST-th and FAULTS_COUNT - 1 more. Each of these calls is noted in
   FAULTS_LOG: the process, the name, whether it fails (1 or 0), the path. Only Python fails: the tasks
   that inherit this are not Maestro's. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int seen;

/* Whether the call `name` on `path` is to fail; errno is set then. */
static int fails(const char *name, const char *path)
{
    const char *calls = getenv("FAULTS_CALLS"), *pattern = getenv("FAULTS_PATH");
    char wanted[32], line[5000];
    int saved = errno, first, hit, file, length;

    if (!calls || !pattern || !path || strncmp(program_invocation_short_name, "python", 6) != 0)
        return 0;
    snprintf(wanted, sizeof wanted, ",%s,", name);
    if (!strstr(calls, wanted) || fnmatch(pattern, path, 0) != 0)
        return 0;
    seen++;
    first = atoi(getenv("FAULTS_FIRST"));
    hit = seen >= first && seen < first + atoi(getenv("FAULTS_COUNT"))
        && access(getenv("FAULTS_WHILE"), F_OK) == 0;
    file = syscall(SYS_openat, AT_FDCWD, getenv("FAULTS_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    length = snprintf(line, sizeof line, "%d %s %d %s\n", getpid(), name, hit, path);
    syscall(SYS_write, file, line, length);
    syscall(SYS_close, file);
    errno = hit ? atoi(getenv("FAULTS_ERRNO")) : saved;
    return hit;
}

static int fails_open(const char *name, int file)
{
    char link[64], path[4200];
    ssize_t length;
    int saved = errno;

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails(name, path);
}

#define REAL(type, symbol, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) \
        real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #symbol)

#define OPEN(symbol) \
    int symbol(const char *path, int flags, ...) \
    { \
        va_list rest; \
        mode_t mode; \
        REAL(int, symbol, const char *, int, ...); \
        va_start(rest, flags); \
        mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return fails("open", path) ? -1 : real(path, flags, mode); \
    }

#define FILE_CALL(type, symbol, name, parameters, arguments) \
    type symbol parameters \
    { \
        REAL(type, symbol, UNWRAP parameters); \
        return fails_open(name, file) ? -1 : real arguments; \
    }
#define UNWRAP(...) __VA_ARGS__

#define PATH_CALL(type, symbol, name, path, parameters, arguments) \
    type symbol parameters \
    { \
        REAL(type, symbol, UNWRAP parameters); \
        return fails(name, path) ? -1 : real arguments; \
    }

OPEN(open)
OPEN(open64)

/* A file that a new process is to open. */
int posix_spawn_file_actions_addopen(
    posix_spawn_file_actions_t *actions, int file, const char *path, int flags, mode_t mode)
{
    REAL(int, posix_spawn_file_actions_addopen,
         posix_spawn_file_actions_t *, int, const char *, int, mode_t);
    return fails("open", path) ? errno : real(actions, file, path, flags, mode);
}

FILE_CALL(ssize_t, read, "read", (int file, void *data, size_t size), (file, data, size))
FILE_CALL(ssize_t, pread, "read", (int file, void *data, size_t size, off_t at), (file, data, size, at))
FILE_CALL(ssize_t, pread64, "read", (int file, void *data, size_t size, off64_t at), (file, data, size, at))
FILE_CALL(ssize_t, write, "write", (int file, const void *data, size_t size), (file, data, size))
FILE_CALL(ssize_t, pwrite, "write", (int file, const void *data, size_t size, off_t at), (file, data, size, at))
FILE_CALL(ssize_t, pwrite64, "write", (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
FILE_CALL(int, fsync, "sync", (int file), (file))
FILE_CALL(int, fdatasync, "sync", (int file), (file))
FILE_CALL(int, ftruncate, "truncate", (int file, off_t size), (file, size))
FILE_CALL(int, ftruncate64, "truncate", (int file, off64_t size), (file, size))
PATH_CALL(int, rename, "rename", to, (const char *from, const char *to), (from, to))
PATH_CALL(int, mkdir, "mkdir", path, (const char *path, mode_t mode), (path, mode))
PATH_CALL(int, unlink, "unlink", path, (const char *path), (path))
