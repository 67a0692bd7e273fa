#!/bin/sh
# Make sure a Chromium is on the machine: the page tests drive it.
set -eu
for c in chromium chromium-browser google-chrome; do command -v $c >/dev/null && exit 0; done
sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
