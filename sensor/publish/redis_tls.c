/* For a hiredis with hiredis_ssl (1.0 and later). Its own helper does not compare the certificate's names
 * with the host, so the SSL object is made here. */
#include "sensor/publish/redis_tls.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "sensor/publish/redis_url.h"

const char *redis_tls_missing(void)
{
    return NULL;
}

static bool fail(char *error, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    snprintf(error, REDIS_ERROR_CAP, "TLS: %s%s%s", what, reason != NULL ? ": " : "",
             reason != NULL ? reason : "");
    return false;
}

static bool take_files(SSL_CTX *settings, const struct redis_tls_files *files, char *error)
{
    if (files->ca[0] != '\0' ? SSL_CTX_load_verify_locations(settings, files->ca, NULL) != 1
                             : SSL_CTX_set_default_verify_paths(settings) != 1)
        return fail(error, "the roots cannot be read (outputs.redis.ca)");
    if (files->certificate[0] == '\0')
        return true;
    return (SSL_CTX_use_certificate_chain_file(settings, files->certificate) == 1 &&
            SSL_CTX_use_PrivateKey_file(settings, files->key, SSL_FILETYPE_PEM) == 1) ||
           fail(error, "outputs.redis.certificate and key cannot be read, or do not fit");
}

/* The certificate must have the host's name, or its address where the URL has that. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static SSL *prepare(const char *host, const struct redis_tls_files *files, char *error)
{
    SSL_CTX *settings = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    if (settings == NULL || SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION) != 1) {
        (void)fail(error, "no memory");
    } else if (take_files(settings, files, error)) {
        SSL_CTX_set_verify(settings, SSL_VERIFY_PEER, NULL);
        ssl = SSL_new(settings);
    }
    SSL_CTX_free(settings); /* ssl keeps it */
    if (ssl != NULL && !expect_host(ssl, host)) {
        (void)fail(error, "the host's name");
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

bool redis_tls_start(void *context, const char *host, const struct redis_tls_files *files, char *error)
{
    redisContext *c = context;
    ERR_clear_error();
    SSL *ssl = prepare(host, files, error);
    if (ssl == NULL)
        return false;
    if (redisInitiateSSL(c, ssl) == REDIS_OK)
        return true; /* it is the context's now */
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
        snprintf(error, REDIS_ERROR_CAP, "TLS: the server's certificate: %s",
                 X509_verify_cert_error_string(verdict));
    else
        snprintf(error, REDIS_ERROR_CAP, "TLS: %.200s", c->errstr);
    SSL_free(ssl);
    return false;
}
