# SSSD in a file system and a process table of its own: what it owns below /var, /etc and /run is in the folder
# that is the first argument. Then people log in: two lines of input are name and password, and the answer is
# what PAM said. It all ends with this shell.
set -eu
home=$1
mkdir -p "$home/var/db" "$home/var/mc" "$home/var/pipes/private" "$home/var/pubconf/krb5.include.d" \
    "$home/var/gpo_cache" "$home/var/secrets" "$home/var/deskprofile" "$home/var/keytabs" "$home/log" "$home/run"
chmod 700 "$home/var/pipes/private"
mount --make-rprivate /
mount --bind "$home/var" /var/lib/sss
mount --bind "$home/log" /var/log/sssd
mount --bind "$home/run" /run
mount --bind "$home/pam.d" /etc/pam.d

# The result codes of binds are told from level 0x0400 on; no level tells passwords.
sssd -i --logger=stderr -d 0x0470 -c "$home/sssd.conf" 2>&1 </dev/null &

set +e
while IFS= read -r user && IFS= read -r password; do
    said=$(printf '%s\n' "$password" | LC_ALL=C pamtester doorward-lab "$user" authenticate acct_mgmt 2>&1 | tail -n 1)
    # SSSD may be in the middle of a line of its own.
    printf '\nlogin: %s\n' "$said"
done
