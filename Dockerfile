# One image for every service; docker-compose.yml says what each runs.
# GPU workers: docker build --build-arg REQUIREMENTS=requirements-gpu.txt …
FROM python:3.12.12-slim-bookworm AS build

ARG REQUIREMENTS=requirements.txt
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt requirements-gpu.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install -r "${REQUIREMENTS}"

FROM python:3.12.12-slim-bookworm

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FACEROUTE_DATA_DIR=/data \
    HOST=0.0.0.0
RUN useradd --system --uid 10001 --create-home faceroute \
    && install --directory --owner=faceroute /data
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# The key only lets settings load; a container gets its own from the environment.
RUN SECRET_KEY=build-only FACEROUTE_DATA_DIR=/tmp/build python manage.py collectstatic --noinput \
    && chmod -R a+rX staticfiles && rm -rf /tmp/build
USER faceroute
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "faceroute_site.web"]
