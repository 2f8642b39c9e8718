-- What nginx has no words for: an RS256 token is verified, once for each token, by the libcrypto that nginx is linked with.
-- Each use: require("jwt").user(token, key in PEM, issuer, audience) gives the subject, or nil.
local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local ffi = require "ffi"
local lru = require "resty.lrucache"

ffi.cdef [[
typedef struct bio_st BIO;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
BIO *BIO_new_mem_buf(const void *bytes, int length);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *from, EVP_PKEY **to, void *callback, void *argument);
const EVP_MD *EVP_sha256(void);
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
int EVP_DigestVerifyInit(EVP_MD_CTX *context, void **more, const EVP_MD *digest, void *engine, EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *context, const char *signature, size_t signature_length, const char *text, size_t length);
]]

local jwt = {}
-- As many tokens as Sluice remembers by default at the least; the bench uses 1,000.
local known = assert(lru.new(10000))
local keys = {}

local function key_of(pem)
  local key = keys[pem]
  if not key then
    key = ffi.C.PEM_read_bio_PUBKEY(ffi.C.BIO_new_mem_buf(pem, #pem), nil, nil, nil)
    assert(key ~= nil, "no public key")
    keys[pem] = key
  end
  return key
end

local function signed(text, signature, pem)
  local context = ffi.C.EVP_MD_CTX_new()
  local right = ffi.C.EVP_DigestVerifyInit(context, nil, ffi.C.EVP_sha256(), nil, key_of(pem)) == 1
    and ffi.C.EVP_DigestVerify(context, signature, #signature, text, #text) == 1
  ffi.C.EVP_MD_CTX_free(context)
  return right
end

local function decoded(part)
  local text = base64.decode_base64url(part)
  return text and cjson.decode(text)
end

local function verify(token, pem, issuer, audience)
  local head, payload, signature = token:match("^([^.]+)%.([^.]+)%.([^.]+)$")
  local header = head and decoded(head)
  if not header or header.alg ~= "RS256" then return nil end
  local bytes = base64.decode_base64url(signature)
  if not bytes or not signed(head .. "." .. payload, bytes, pem) then return nil end
  local claims = decoded(payload)
  if not claims or claims.iss ~= issuer or claims.aud ~= audience then return nil end
  return claims
end

function jwt.user(field, pem, issuer, audience)
  local token = field and field:match("^Bearer (.+)$")
  if not token then return nil end
  local claims = known:get(token)
  if not claims then
    claims = verify(token, pem, issuer, audience)
    if not claims then return nil end
    known:set(token, claims)
  end
  if claims.exp <= ngx.time() then return nil end
  return claims.sub
end

return jwt
