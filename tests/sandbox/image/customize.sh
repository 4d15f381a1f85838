#!/bin/sh
# Called by mmdebstrap when the packages of a sandbox host are unpacked: $1 is the host's root file system.
# Makes a machine of it that boots in a container in a second, starts bare, and can install Docker offline.
# EXTRACT names a directory of the machine that gets programs of the host which images are made from.
set -eu
root=$1
here=$(dirname "$(realpath "$0")")

# --- packages that can be installed later, without a network ---
chroot "$root" apt-get clean
grep -v '^#' "$here/packages-offline.txt" |
  xargs chroot "$root" apt-get install --yes --no-install-recommends --download-only >/dev/null
mkdir -p "$root/opt/packages"
mv "$root"/var/cache/apt/archives/*.deb "$root/opt/packages/"
for package in "$root"/opt/packages/*.deb; do
  dpkg-deb --field "$package"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$(basename "$package")" \
    "$(stat --format=%s "$package")" "$(sha256sum "$package" | cut -d' ' -f1)"
done >"$root/opt/packages/Packages"
mkdir -p "$root/opt/sources"
for list in "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*; do
  if [ -f "$list" ]; then mv "$list" "$root/opt/sources/"; fi
done
echo 'deb [trusted=yes] file:/opt/packages ./' >"$root/etc/apt/sources.list"
echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/90sandbox"
rm -rf "$root"/var/lib/apt/lists/*
chroot "$root" apt-get update >/dev/null

# --- containerd for the stand-in microk8s, which carries its own as the real one does ---
mkdir -p "$root/opt/k8s/bin" "$root/opt/k8s/images" "$root/opt/snaps" "$root/tmp/containerd"
dpkg-deb --extract "$root"/opt/packages/containerd_*.deb "$root/tmp/containerd"
for program in containerd containerd-shim-runc-v2 ctr; do
  mv "$root/tmp/containerd/usr/bin/$program" "$root/opt/k8s/bin/"
done
rm -rf "$root/tmp/containerd"

# --- programs that container images are made from, each with the libraries that it loads ---
for program in /bin/busybox /usr/bin/docker-registry; do
  target="$EXTRACT/$(basename "$program")"
  mkdir -p "$target"
  libraries=$(chroot "$root" ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || true)
  for file in $program $libraries; do
    mkdir -p "$target/$(dirname "$file")"
    cp --dereference "$root/$file" "$target/$file"
  done
done

# --- systemd as PID 1 of a container; what would change the kernel that all hosts and the machine share stays off ---
for unit in getty.target getty@.service console-getty.service systemd-logind.service systemd-udevd.service \
  systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service systemd-modules-load.service \
  systemd-binfmt.service systemd-sysctl.service proc-sys-fs-binfmt_misc.automount \
  systemd-resolved.service systemd-timesyncd.service systemd-remount-fs.service dev-hugepages.mount dev-mqueue.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  logrotate.timer man-db.timer motd-news.timer snapd.snap-repair.timer modprobe@.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# snapd starts when something asks it, by its socket
for unit in docker-registry.service rabbitmq-server.service nftables.service epmd.socket epmd.service \
  snapd.service snapd.seeded.service snapd.autoimport.service snapd.core-fixup.service snapd.apparmor.service \
  snapd.recovery-chooser-trigger.service snapd.system-shutdown.service; do
  chroot "$root" systemctl disable "$unit" >/dev/null 2>&1 || true
done
chroot "$root" systemctl enable ssh.service snapd.socket >/dev/null 2>&1
# the unit itself comes with the image's upper layer
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -s ../sandbox-gpus.service "$root/etc/systemd/system/sysinit.target.wants/"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\n' >"$root/etc/systemd/journald.conf.d/sandbox.conf"

# --- access: root by the instance's key; host keys are put there for each host ---
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/root/.ssh" "$root/etc/ssh/sshd_config.d"
chmod 0700 "$root/root/.ssh"
cat >"$root/etc/ssh/sshd_config.d/sandbox.conf" <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
MaxStartups 200
MaxSessions 200
PrintMotd no
END
# pam_systemd asks logind, which does not run here, at each login
chroot "$root" pam-auth-update --disable systemd --force >/dev/null 2>&1 || true
sed -i '/pam_systemd.so/d;/pam_motd.so/d;/pam_mail.so/d' "$root/etc/pam.d/common-session" "$root/etc/pam.d/sshd"
: >"$root/etc/default/locale" # sshd asks for it at each login
rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
find "$root/var/log" -type f -delete
rm -rf "$root"/var/cache/apt/*.bin "$root"/tmp/*
