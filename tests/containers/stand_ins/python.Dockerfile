# Debian's Python of the same minor version as the image's, at the image's place.
FROM vrijloop-stand-in:base
RUN apt-get install -y --no-install-recommends python3 python3-venv python3-pip binutils \
 && ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/python3
