# The dashboard in a container: for a Space on the Hugging Face Hub (SDK "docker"), or a server of one's own.
#   docker build -t gluscope . && docker run -p 7860:7860 gluscope
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 viewer
WORKDIR /home/viewer/app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY --chown=viewer streamlit_app.py LICENSE ./
COPY --chown=viewer .streamlit/config.toml .streamlit/config.toml
COPY --chown=viewer pages pages
COPY --chown=viewer gluscope_core gluscope_core
COPY --chown=viewer datasets datasets
USER viewer

# With one heap for each thread a large model's figures take a quarter more.
ENV MALLOC_ARENA_MAX=2
EXPOSE 7860
HEALTHCHECK --start-period=30s CMD python -c "import urllib.request as r; assert r.urlopen('http://127.0.0.1:7860/_stcore/health').read() == b'ok'"
CMD ["streamlit", "run", "streamlit_app.py", "--server.port", "7860", "--server.address", "0.0.0.0"]
