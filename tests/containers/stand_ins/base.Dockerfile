# What `debootstrap` made. The machine's own authorities are trusted, as a build inside a company's network needs.
ARG ROOT=vrijloop-stand-in:root
FROM $ROOT
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY apt.conf /etc/apt/apt.conf.d/90vrijloop
# Installing must start nothing.
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update && apt-get install -y --no-install-recommends wget && cp /etc/ssl/certs/ca-certificates.crt /tmp/before \
 && { apt-get install -y --no-install-recommends ca-certificates; cat /tmp/before >>/etc/ssl/certs/ca-certificates.crt; rm /tmp/before; }
