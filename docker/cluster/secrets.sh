#!/bin/sh
# Makes the password that the gateways and the standbys log in with, once: /secrets/password.
set -eu
[ -s /secrets/password ] && exit
umask 022
head -c 24 /dev/urandom | base64 | tr '+/' '-_' >/secrets/password.new
mv /secrets/password.new /secrets/password
