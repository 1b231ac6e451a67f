# phiproxy as a static binary in an image without a shell, run by a user without rights.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/ ./cmd/phiproxy ./cmd/kms-emulator \
    && mkdir /out/keys /out/log

# For development and tests only: a stand-in for AWS KMS. `docker build --target kms-emulator .`
FROM gcr.io/distroless/static-debian12:nonroot AS kms-emulator
COPY --from=build /out/kms-emulator /kms-emulator
COPY --from=build --chown=nonroot:nonroot /out/keys /keys
EXPOSE 4566
ENTRYPOINT ["/kms-emulator"]

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/phiproxy /phiproxy
COPY --from=build --chown=nonroot:nonroot /out/log /var/lib/phiproxy
EXPOSE 3307 8306
ENTRYPOINT ["/phiproxy"]
CMD ["serve", "--config", "/etc/phiproxy/phiproxy.yaml"]
