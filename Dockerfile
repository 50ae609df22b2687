# The service of one bundle, as a user without rights:
#   docker build -t mfclip-serve .
#   docker run -p 8000:8000 -v "$PWD/runs/mfclip:/bundle:ro" -v "$PWD/tokens:/tokens:ro" mfclip-serve
FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /opt/mfclip
COPY constraints.txt ./
COPY pyproject.toml README.md LICENSE CHANGELOG.md registry.toml mfclip.toml ./
COPY core core
COPY plugins plugins
COPY recipes recipes
RUN /opt/mfclip/bin/pip install --no-cache-dir --constraint constraints.txt '.[serve,explain,faces,heif,video]'

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin mfclip
COPY --from=build /opt/mfclip /opt/mfclip
ENV PATH=/opt/mfclip/bin:$PATH PYTHONUNBUFFERED=1 MFCLIP_CACHE=/tmp/mfclip
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["mfclip", "serve"]
CMD ["/bundle", "--host", "0.0.0.0", "--token-file", "/tokens"]
