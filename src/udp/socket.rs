//! A UDP socket that sends and receives in batches with kernel timestamps, and the thread calls of a measuring thread.
//!
//! The only `unsafe` code of the crate: `sendmmsg`, `recvmmsg`, control messages, `ppoll`, `clock_nanosleep` and
//! scheduling have no safe face in the standard library. Nothing here decides anything.

#![expect(unsafe_code, reason = "kernel packet timestamps and absolute sleeps need raw system calls")]

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, cmsghdr, iovec, mmsghdr, msghdr, pollfd, timespec};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Type};

use super::batch::{BATCH, CONTROL_BYTES, PACKET_BYTES_MAX, Received, RecvBatch, SendBatch, TxStamp};

/// Receive buffer asked for, in bytes: a second of 1,000 sessions at 50 packets/s, bookkeeping included.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// Software stamps both ways; sent packets are named by a counter and come back without their bytes.
const STAMPING: libc::c_uint = libc::SOF_TIMESTAMPING_RX_SOFTWARE
    | libc::SOF_TIMESTAMPING_TX_SOFTWARE
    | libc::SOF_TIMESTAMPING_SOFTWARE
    | libc::SOF_TIMESTAMPING_OPT_ID
    | libc::SOF_TIMESTAMPING_OPT_TSONLY;

/// From linux/errqueue.h: where a timestamp on the error queue comes from.
const ORIGIN_TIMESTAMPING: u8 = 4;

/// A bound, non-blocking, unconnected UDP socket.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
}

impl Socket {
    /// Binds `local` (port 0 lets the system choose) and asks for timestamps, received class and TTL, and the count
    /// of packets that the kernel had no room for.
    pub fn bind(local: SocketAddr) -> io::Result<Self> {
        Self::finish(Self::open(local)?, local)
    }

    /// Joins a multicast group and receives what is sent to it alone. Others may listen at the same address and port.
    /// IPv4 groups are joined at the interface with the address `at`, or where the system's routes say when it is
    /// unspecified.
    pub fn join(group: SocketAddr, at: Ipv4Addr) -> io::Result<Self> {
        let inner = Self::open(group)?;
        inner.set_reuse_address(true)?;
        let socket = Self::finish(inner, group)?;
        match group.ip() {
            IpAddr::V4(address) => socket.inner.join_multicast_v4(&address, &at)?,
            IpAddr::V6(address) => socket.inner.join_multicast_v6(&address, 0)?,
        }
        Ok(socket)
    }

    fn open(local: SocketAddr) -> io::Result<socket2::Socket> {
        let inner = socket2::Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        inner.set_nonblocking(true)?;
        Ok(inner)
    }

    fn finish(inner: socket2::Socket, local: SocketAddr) -> io::Result<Self> {
        inner.bind(&local.into())?;
        let local = inner.local_addr()?.as_socket().unwrap_or(local);
        let socket = Self { inner, local };
        socket.ask_for_metadata()?;
        socket.stamp(STAMPING)?;
        socket.enlarge_buffer();
        Ok(socket)
    }

    /// The bound address with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Restarts the counter that names sent packets at 0. Needed after a failed send, which may or may not have
    /// counted.
    pub fn restart_tx_ids(&self) -> io::Result<()> {
        self.stamp(STAMPING & !(libc::SOF_TIMESTAMPING_OPT_ID | libc::SOF_TIMESTAMPING_OPT_TSONLY))?;
        self.stamp(STAMPING)
    }

    /// Receives up to [`BATCH`] packets without waiting; 0 when there are none.
    pub fn receive(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        self.receive_from(batch, 0)
    }

    /// Collects the kernel's stamps of packets sent earlier, up to [`BATCH`] at once.
    pub fn collect_tx_stamps(&self, batch: &mut RecvBatch, out: &mut Vec<TxStamp>) -> io::Result<usize> {
        let count = self.receive_from(batch, libc::MSG_ERRQUEUE)?;
        out.extend(
            batch.received.iter().filter_map(|r| Some(TxStamp { id: r.tx_id?, wall_ns: r.stamp_ns? })),
        );
        Ok(count)
    }

    /// Sends the packets of a batch from number `from` on, in order and without waiting. Gives how many left; with an
    /// error, the packet after those is the one that failed.
    pub fn send(&self, batch: &SendBatch, from: usize) -> (usize, io::Result<()>) {
        let mut sent = 0;
        while from + sent < batch.len() {
            match self.send_some(batch, from + sent) {
                Ok(0) => return (sent, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (sent, Err(error)),
            }
        }
        (sent, Ok(()))
    }

    fn ask_for_metadata(&self) -> io::Result<()> {
        if self.local.is_ipv4() {
            self.inner.set_recv_tos_v4(true)?;
            self.set_option(libc::SOL_IP, libc::IP_RECVTTL, &1)?;
        } else {
            self.inner.set_recv_tclass_v6(true)?;
            self.inner.set_recv_hoplimit_v6(true)?;
        }
        self.set_option(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &1)
    }

    fn stamp(&self, flags: libc::c_uint) -> io::Result<()> {
        self.set_option(libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &(flags as c_int))
    }

    /// A privileged process may exceed the system's limit; otherwise the limit is what we get.
    fn enlarge_buffer(&self) {
        let wanted = RECEIVE_BUFFER_BYTES as c_int;
        if self.set_option(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &wanted).is_err() {
            let _ = self.inner.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        }
    }

    fn set_option(&self, level: c_int, name: c_int, value: &c_int) -> io::Result<()> {
        let fd = self.inner.as_raw_fd();
        let length = size_of::<c_int>() as libc::socklen_t;
        // SAFETY: `value` points to one readable c_int for the length given, and the descriptor is ours and open.
        let result = unsafe { libc::setsockopt(fd, level, name, ptr::from_ref(value).cast(), length) };
        check(result as isize).map(|_| ())
    }

    fn receive_from(&self, batch: &mut RecvBatch, flags: c_int) -> io::Result<usize> {
        batch.received.clear();
        let mut names = [const { MaybeUninit::<SockAddrStorage>::zeroed() }; BATCH];
        let mut iovecs = [iovec { iov_base: ptr::null_mut(), iov_len: PACKET_BYTES_MAX }; BATCH];
        // SAFETY: mmsghdr is plain integers and pointers, for which all zeroes is a valid value.
        let mut headers: [mmsghdr; BATCH] = unsafe { zeroed() };
        for at in 0..BATCH {
            iovecs[at].iov_base = batch.bytes[at * PACKET_BYTES_MAX..].as_mut_ptr().cast();
            let header = &mut headers[at].msg_hdr;
            header.msg_name = names[at].as_mut_ptr().cast();
            header.msg_namelen = size_of::<SockAddrStorage>() as libc::socklen_t;
            header.msg_iov = &raw mut iovecs[at];
            header.msg_iovlen = 1;
            header.msg_control = batch.controls[at].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES;
        }
        let fd = self.inner.as_raw_fd();
        // SAFETY: every header points to a name, one iovec of PACKET_BYTES_MAX bytes inside `batch.bytes` (BATCH times
        // that long) and a control buffer, each alive and not aliased for the length of the call.
        let count = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), BATCH as _, flags | libc::MSG_DONTWAIT, ptr::null_mut())
        };
        let count = match check(count as isize) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            other => other?,
        };
        for (header, name) in headers[..count].iter().zip(names) {
            // SAFETY: the kernel filled `msg_namelen` bytes of the name (none on the error queue, which leaves the
            // zeroes), and SockAddrStorage is valid for any bytes.
            let from = unsafe { SockAddr::new(name.assume_init(), header.msg_hdr.msg_namelen) };
            let mut received =
                Received { length: header.msg_len as usize, from: from.as_socket(), ..Received::default() };
            read_control(&header.msg_hdr, &mut received);
            batch.received.push(received);
        }
        Ok(count)
    }

    fn send_some(&self, batch: &SendBatch, from: usize) -> io::Result<usize> {
        let count = (batch.len() - from).min(BATCH);
        let mut iovecs = [iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        let mut controls = [const { ControlOut::new() }; BATCH];
        // SAFETY: mmsghdr is plain integers and pointers, for which all zeroes is a valid value.
        let mut headers: [mmsghdr; BATCH] = unsafe { zeroed() };
        for at in 0..count {
            let entry = &batch.entries[from + at];
            let bytes = &batch.bytes[entry.start..entry.end];
            // `sendmmsg` only reads through this pointer; the field is mutable because `recvmmsg` shares the type.
            iovecs[at] = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            controls[at] = ControlOut::traffic_class(entry.to.is_ipv4(), entry.tos);
            let header = &mut headers[at].msg_hdr;
            header.msg_name = entry.address.as_ptr().cast_mut().cast();
            header.msg_namelen = entry.address.len();
            header.msg_iov = &raw mut iovecs[at];
            header.msg_iovlen = 1;
            header.msg_control = ptr::from_mut(&mut controls[at]).cast();
            header.msg_controllen = size_of::<ControlOut>();
        }
        let fd = self.inner.as_raw_fd();
        // SAFETY: the first `count` headers point to an address, one iovec and one control message that live until
        // the call returns; the kernel writes only `msg_len`.
        let sent = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count as _, libc::MSG_DONTWAIT) };
        check(sent as isize)
    }
}

/// One outgoing control message: the traffic class as a C int. 24 bytes, which is `CMSG_SPACE(4)` on 64-bit Linux.
#[repr(C, align(8))]
struct ControlOut {
    head: cmsghdr,
    value: c_int,
    _pad: c_int,
}

impl ControlOut {
    const fn new() -> Self {
        Self { head: cmsghdr { cmsg_len: 0, cmsg_level: 0, cmsg_type: 0 }, value: 0, _pad: 0 }
    }

    fn traffic_class(ipv4: bool, tos: u8) -> Self {
        let (level, kind) =
            if ipv4 { (libc::SOL_IP, libc::IP_TOS) } else { (libc::SOL_IPV6, libc::IPV6_TCLASS) };
        let length = size_of::<cmsghdr>() + size_of::<c_int>();
        let head = cmsghdr { cmsg_len: length, cmsg_level: level, cmsg_type: kind };
        Self { head, value: c_int::from(tos), _pad: 0 }
    }
}

fn read_control(header: &msghdr, out: &mut Received) {
    // SAFETY: the kernel has filled `msg_control` up to `msg_controllen`, and the buffer still lives.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give null or a header that lies whole inside the control buffer.
    while let Some(control) = unsafe { next.as_ref() } {
        // SAFETY: `control` is a header inside the buffer, so its data pointer stays inside or one past it.
        let data = unsafe { libc::CMSG_DATA(control) };
        let length = control.cmsg_len.saturating_sub(size_of::<cmsghdr>());
        read_item(control, data, length, out);
        // SAFETY: `control` came from this header's own buffer.
        next = unsafe { libc::CMSG_NXTHDR(header, control) };
    }
}

/// Copies one control message's value out, when its kind is known and it is long enough.
fn read_item(control: &cmsghdr, data: *const u8, length: usize, out: &mut Received) {
    match (control.cmsg_level, control.cmsg_type) {
        (libc::SOL_SOCKET, libc::SO_TIMESTAMPING) => {
            let stamp = read::<timespec>(data, length).filter(|at| at.tv_sec != 0);
            out.stamp_ns = stamp.map(to_ns);
        }
        (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => out.overflow = read::<u32>(data, length),
        (libc::SOL_IP, libc::IP_TOS) => out.tos = read::<u8>(data, length),
        (libc::SOL_IPV6, libc::IPV6_TCLASS) => out.tos = read::<c_int>(data, length).map(|v| v as u8),
        (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_HOPLIMIT) => {
            out.ttl = read::<c_int>(data, length).map(|v| v as u8);
        }
        (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
            let error = read::<libc::sock_extended_err>(data, length);
            out.tx_id = error.filter(|e| e.ee_origin == ORIGIN_TIMESTAMPING).map(|e| e.ee_data);
        }
        _ => {}
    }
}

/// `T` is one of the plain C integers and structs above, valid for any bytes.
fn read<T: Copy>(data: *const u8, length: usize) -> Option<T> {
    // SAFETY: `length` bytes behind `data` belong to the control message, and the read needs no alignment.
    (length >= size_of::<T>()).then(|| unsafe { data.cast::<T>().read_unaligned() })
}

/// Waits until a socket can be read or has stamps to collect, at most `timeout_ns`. Says for each socket whether it
/// can be read.
pub fn wait_readable(sockets: &[&Socket], timeout_ns: i64, ready: &mut Vec<bool>) -> io::Result<usize> {
    let poll = |socket: &&Socket| pollfd { fd: socket.inner.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut fds: Vec<pollfd> = sockets.iter().map(poll).collect();
    let timeout = to_timespec(timeout_ns.max(0));
    // SAFETY: `fds` holds as many entries as said; a null signal mask leaves the mask alone.
    let count = unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as _, &raw const timeout, ptr::null()) };
    ready.clear();
    ready.extend(fds.iter().map(|fd| fd.revents != 0));
    match check(count as isize) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
        other => other,
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_ns() -> i64 {
    let mut at = to_timespec(0);
    // SAFETY: `at` is a valid timespec to write to; this clock always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut at) };
    to_ns(at)
}

/// CPU time this thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> i64 {
    let mut at = to_timespec(0);
    // SAFETY: `at` is a valid timespec to write to; this clock always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut at) };
    to_ns(at)
}

/// Sleeps until a moment of the monotonic clock; being woken early by a signal is not hidden.
pub fn sleep_until(mono_ns: i64) {
    let at = to_timespec(mono_ns);
    // SAFETY: `at` is a valid timespec, and with TIMER_ABSTIME no remainder is written.
    unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const at, ptr::null_mut())
    };
}

/// Asks the kernel to wake this thread punctually, and for a real-time priority.
///
/// Gives whether the priority was granted; without CAP_SYS_NICE it is not, and sending is as punctual as the
/// machine's load allows.
pub fn make_punctual(fifo_priority: Option<i32>) -> bool {
    // SAFETY: PR_SET_TIMERSLACK takes one integer and touches only this thread.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0) };
    let Some(priority) = fifo_priority else {
        return false;
    };
    let parameter = libc::sched_param { sched_priority: priority };
    // SAFETY: `parameter` is valid to read; pid 0 means this thread.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameter) == 0
    }
}

fn to_timespec(ns: i64) -> timespec {
    timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 }
}

fn to_ns(at: timespec) -> i64 {
    at.tv_sec * 1_000_000_000 + at.tv_nsec
}

fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
