/* A power cut for one directory, as a preloaded library.
 *
 * Every change to a file below POWERCUT_DIR is preceded by a record in POWERCUT_LOG that says how to take it back;
 * a sync adds a record that makes what came before it final. The process goes on seeing its own writes. After it
 * was killed, the test takes back every change that no sync made final: what is left is what a disk without power
 * would hold. Shared-memory files (-shm) do not survive a power cut anyway and are left alone.
 *
 * While the file named by POWERCUT_FULL exists, writes fail as on a full disk; while POWERCUT_EIO exists, syncs fail.
 *
 * Record (native byte order): kind u8, inode u64, offset u64, old size u64, length u64, then `length` bytes.
 *   W  bytes [offset, offset+length) held this before a write; the file had the old size
 *   S  file or directory was synced
 *   C  a file was created in directory `inode`; the bytes are its path
 *   R  a file was renamed in directory `inode`; the bytes are old path, NUL, new path; offset 1 = replaced another
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 4096
static uint64_t tracked[FDS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *dir, *full, *eio;

static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void start(void) {
    real_openat = dlsym(RTLD_NEXT, "openat");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    dir = getenv("POWERCUT_DIR");
    full = getenv("POWERCUT_FULL");
    eio = getenv("POWERCUT_EIO");
    const char *log = getenv("POWERCUT_LOG");
    if (dir && log) log_fd = real_openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below(const char *path) {
    if (log_fd < 0 || !path) return 0;
    size_t n = strlen(dir), length = strlen(path);
    if (strncmp(path, dir, n) || (path[n] && path[n] != '/')) return 0;
    return length < 4 || strcmp(path + length - 4, "-shm");
}

static uint64_t inode_of(int fd) { return fd >= 0 && fd < FDS ? tracked[fd] : 0; }

static int raised(const char *flag) { return flag && access(flag, F_OK) == 0; }

static void record(char kind, uint64_t inode, uint64_t offset, uint64_t old_size, const void *bytes, uint64_t length) {
    char *all = malloc(33 + length);
    all[0] = kind;
    memcpy(all + 1, &inode, 8);
    memcpy(all + 9, &offset, 8);
    memcpy(all + 17, &old_size, 8);
    memcpy(all + 25, &length, 8);
    if (length) memcpy(all + 33, bytes, length);
    if (real_write(log_fd, all, 33 + length) != (ssize_t)(33 + length)) abort();
    free(all);
}

static uint64_t parent_inode(const char *path) {
    char copy[PATH_MAX];
    struct stat st;
    snprintf(copy, sizeof copy, "%s", path);
    return stat(dirname(copy), &st) == 0 ? st.st_ino : 0;
}

/* Says what [offset, offset + length) holds now; what lies beyond the end is undone by the old size. */
static void remember(int fd, uint64_t inode, uint64_t offset, uint64_t length) {
    struct stat st;
    if (fstat(fd, &st)) abort();
    uint64_t size = st.st_size, held = offset >= size ? 0 : size - offset;
    if (held > length) held = length;
    char *bytes = malloc(held + 1), path[64];
    /* The descriptor may be write-only. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = held ? real_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (held && pread(reader, bytes, held, offset) != (ssize_t)held) abort();
    if (reader >= 0) real_close(reader);
    record('W', inode, offset, size, bytes, held);
    free(bytes);
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    if (!below(path)) return real_openat(at, path, flags, mode);
    pthread_mutex_lock(&mutex);
    int existed = access(path, F_OK) == 0;
    int fd = real_openat(at, path, flags & ~O_TRUNC, mode);
    struct stat st;
    if (fd >= 0 && fd < FDS && fstat(fd, &st) == 0) {
        tracked[fd] = st.st_ino;
        if (!existed) record('C', parent_inode(path), 0, 0, path, strlen(path));
        if (flags & O_TRUNC && st.st_size > 0) {
            remember(fd, st.st_ino, 0, st.st_size);
            if (real_ftruncate(fd, 0)) abort();
        }
    }
    pthread_mutex_unlock(&mutex);
    return fd;
}

#define MODE(flags) ({ mode_t m = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); \
    m = va_arg(l, mode_t); va_end(l); } m; })
int open(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags, MODE(flags)); }
int open64(const char *path, int flags, ...) { return open_any(AT_FDCWD, path, flags | O_LARGEFILE, MODE(flags)); }
int openat(int at, const char *path, int flags, ...) { return open_any(at, path, flags, MODE(flags)); }
int openat64(int at, const char *path, int flags, ...) { return open_any(at, path, flags | O_LARGEFILE, MODE(flags)); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) tracked[fd] = 0;
    return real_close(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    uint64_t inode = inode_of(fd);
    if (!inode) return real_write(fd, bytes, length);
    if (raised(full)) { errno = ENOSPC; return -1; }
    pthread_mutex_lock(&mutex);
    off_t offset = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    remember(fd, inode, offset, length);
    ssize_t written = real_write(fd, bytes, length);
    pthread_mutex_unlock(&mutex);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    uint64_t inode = inode_of(fd);
    if (!inode) return real_pwrite(fd, bytes, length, offset);
    if (raised(full)) { errno = ENOSPC; return -1; }
    pthread_mutex_lock(&mutex);
    remember(fd, inode, offset, length);
    ssize_t written = real_pwrite(fd, bytes, length, offset);
    pthread_mutex_unlock(&mutex);
    return written;
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return pwrite(fd, bytes, length, offset); }

int ftruncate(int fd, off_t length) {
    uint64_t inode = inode_of(fd);
    if (!inode) return real_ftruncate(fd, length);
    pthread_mutex_lock(&mutex);
    struct stat st;
    if (fstat(fd, &st)) abort();
    remember(fd, inode, length, st.st_size > length ? st.st_size - length : 0);
    int result = real_ftruncate(fd, length);
    pthread_mutex_unlock(&mutex);
    return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

/* The page cache outlives the process, so the record is all that a sync needs here. */
int fsync(int fd) {
    uint64_t inode = inode_of(fd);
    if (!inode) return real_fsync(fd);
    if (raised(eio)) { errno = EIO; return -1; }
    pthread_mutex_lock(&mutex);
    record('S', inode, 0, 0, NULL, 0);
    pthread_mutex_unlock(&mutex);
    return 0;
}
int fdatasync(int fd) { return fsync(fd); }

int rename(const char *from, const char *to) {
    if (!below(from)) return real_rename(from, to);
    pthread_mutex_lock(&mutex);
    char both[2 * PATH_MAX];
    size_t n = strlen(from) + 1, m = strlen(to);
    memcpy(both, from, n);
    memcpy(both + n, to, m);
    record('R', parent_inode(to), access(to, F_OK) == 0, 0, both, n + m);
    int result = real_rename(from, to);
    pthread_mutex_unlock(&mutex);
    return result;
}
