package wire

import (
	"syscall"
	"unsafe"
)

// Sockets are in non-blocking mode, so that these calls return at once, and the runtime need not hand the processor to
// another thread meanwhile, as it does around a system call that may block. That hand-over costs more than the call.

func rawRead(fd uintptr, b []byte) (int, error) { return raw(syscall.SYS_READ, fd, b) }

func rawWrite(fd uintptr, b []byte) (int, error) { return raw(syscall.SYS_WRITE, fd, b) }

func raw(call, fd uintptr, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
