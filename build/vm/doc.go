// Package vm runs programs of this machine under a kernel of Debian's, in an emulated computer: for what the kernel at hand
// cannot do, or may not be done to. The programs, their libraries and the kernel's modules travel in an initramfs made here;
// there is no disk and no network but loopback, and nothing remains.
//
// It starts qemu-system-x86_64, apt-get, dpkg-deb, ldd and go, writes below the folder it is given, and is used by tests and
// figures alone.
package vm
