ARG CUDA=11.8.0
ARG DISTRO="ubuntu24.04"
FROM nvidia/cuda:${CUDA}-base-$DISTRO AS base
ARG LEVEL
FROM ${OTHER:-debian:13}
COPY --from=base /usr/local/cuda/version.json /
USER nobody
