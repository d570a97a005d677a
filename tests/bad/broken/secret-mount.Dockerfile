FROM python:3.12-slim
RUN --mount=type=secret,id=netrc --mount=type=secret,id=token,env=TOKEN \
    --mount=type=secret,id=extra,required=false true
