FROM vrijloop-stand-in:base
RUN groupadd --gid 472 grafana && useradd --uid 472 --gid 472 --home-dir /var/lib/grafana grafana \
 && apt-get install -y --no-install-recommends python3 && install -d -o 472 -g 472 /var/lib/grafana
COPY grafana.py /usr/local/bin/grafana
COPY run.sh /run.sh
VOLUME /var/lib/grafana
USER 472
ENTRYPOINT ["/run.sh"]
