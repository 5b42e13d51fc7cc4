# One image for every role: `python -m shared.kernel.service orders api`, `python -m wanpu migrate`, `python -m sandbox.psp` …
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements/main.txt requirements/main.txt
RUN python -m venv /venv && /venv/bin/pip install -q --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/main.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN useradd --system --uid 10001 --no-create-home wanpu
COPY --from=build /venv /venv
COPY shared shared
COPY services services
COPY sandbox sandbox
COPY wanpu wanpu
RUN python -m compileall -q shared services sandbox wanpu
USER 10001
ENTRYPOINT ["python", "-m"]
CMD ["wanpu", "--help"]
