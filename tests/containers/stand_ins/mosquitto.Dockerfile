FROM vrijloop-stand-in:base
RUN apt-get install -y --no-install-recommends mosquitto && groupmod --gid 1883 mosquitto && usermod --uid 1883 --gid 1883 mosquitto \
 && install -d -o 1883 -g 1883 /mosquitto/data /mosquitto/log
COPY exec.sh /docker-entrypoint.sh
VOLUME ["/mosquitto/data", "/mosquitto/log"]
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
