# syntax=docker/dockerfile:1
# docker build -t agiformer .            CPU
# docker build -t agiformer --build-arg FLAVOUR=cuda .   for NVIDIA GPUs: docker run --gpus all ...
# docker run --rm -v "$PWD/outputs:/work/outputs" -v "$PWD/data:/data" agiformer train model=text_only data.train=/data/train.jsonl
FROM golang:1.26-bookworm AS build
ARG FLAVOUR=cpu
RUN apt-get update && apt-get install -y --no-install-recommends g++ make python3 python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV XDG_CACHE_HOME=/cache
# libtorch changes rarely, so it is fetched before the sources come in: the layer is kept.
COPY scripts/fetch_libtorch.sh scripts/lib.sh scripts/libtorch.lock scripts/unpack_wheel.py scripts/with_lock.py scripts/
RUN scripts/fetch_libtorch.sh ${FLAVOUR}
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make install PREFIX=/opt/agiformer FLAVOUR=${FLAVOUR} \
    && cp -RL third_party/libtorch/lib/. /opt/agiformer/lib/agiformer/ \
    && rm -f /opt/agiformer/lib/agiformer/libtorch.so

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home agiformer && install -d -o agiformer /work
COPY --from=build /opt/agiformer /opt/agiformer
ENV PATH=/opt/agiformer/bin:$PATH NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER agiformer
WORKDIR /work
ENTRYPOINT ["agiformer"]
CMD ["doctor"]
