FROM vrijloop-stand-in:base
RUN groupadd --gid 1000 influxdb && useradd --uid 1000 --gid 1000 --home-dir /home/influxdb influxdb \
 && apt-get install -y --no-install-recommends curl jq && install -d -o 1000 -g 1000 -m 0700 /var/lib/influxdb2 /etc/influxdb2
COPY influxd2 /usr/local/bin/influxd
COPY influx.sh /usr/local/bin/influx
COPY influxdb.sh /entrypoint.sh
VOLUME ["/var/lib/influxdb2", "/etc/influxdb2"]
ENTRYPOINT ["/entrypoint.sh"]
CMD ["influxd"]
