# hmtl serve, in a container: docs/using/deploy.md says how to build and run it.
#
#   docker build -t hmtl-server .                                                              # for CPUs
#   docker build -t hmtl-server:gpu --build-arg TORCH_INDEX=https://pypi.org/simple .          # for NVIDIA's GPUs
#   docker build -t ner --target with-model --build-arg MODEL=runs/quickstart/model.tar.gz .
#
# scripts/container_steps.py runs the steps of this file where there is no container engine.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# The index that torch comes from: pytorch.org's of the builds for CPUs. PyPI's builds for Linux bring CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH=torch==2.13.0
ARG EXTRAS=serve,text
RUN python -m venv /opt/hmtl
RUN /opt/hmtl/bin/python -m pip install --no-cache-dir --disable-pip-version-check --index-url "$TORCH_INDEX" "$TORCH"
WORKDIR /src
COPY setup.py pyproject.toml constraints.txt README.md LICENSE .allennlp_plugins hmtl_spacy.py ./
COPY carried ./carried
COPY configs ./configs
COPY data ./data
COPY scripts ./scripts
COPY hmtl ./hmtl
RUN /opt/hmtl/bin/python -m pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt ".[$EXTRAS]"
# Nobody may write there later, and a start without compiled files takes a third longer.
RUN /opt/hmtl/bin/python -m compileall -q /opt/hmtl/lib || true

FROM python:${PYTHON}-slim AS base
COPY --from=build /opt/hmtl /opt/hmtl
# Numbers that no user of the host has. What asks for a user's name or folder, such as torch, gets these.
ENV PATH=/opt/hmtl/bin:$PATH USER=hmtl HOME=/tmp PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
# Until the model is loaded nothing answers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
ENTRYPOINT ["hmtl", "serve"]
CMD ["/model", "--host", "0.0.0.0"]

# With a model inside: an archive, or the directory of a run.
FROM base AS with-model
ARG MODEL
COPY ${MODEL} /model/

# What is built by default has no model: one is mounted at /model.
FROM base AS serve
