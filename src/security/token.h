// Tokens: 256 random bits that stand for a name and a role.
//
// A token's text is "mrt_" and 64 hex digits. The file (DATA/tokens, mode 0600,
// JSON lines) keeps only its SHA-256, so that who reads the file cannot use it;
// a token of 256 random bits needs no slow hash. Comparison is constant in time.
//
//   MR_ASSIGN_OR_RETURN(auto tokens, TokenStore::Open(data_dir + "/tokens"));
//   MR_ASSIGN_OR_RETURN(std::string text, tokens->Create("ci", Role::kEditor));   // shown once
//   std::optional<Identity> who = tokens->Find(text);
//
// Thread safe. The file is replaced in one step by every change; a store that
// another process changed (`millrace token create` beside a running server) is
// read again by Refresh. Failures: the file cannot be read or written, or a
// line is not a token record (DataLoss with its line).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "security/identity.h"

namespace millrace::security {

struct TokenRecord {
  std::string name;          // the subject of grants and of the audit log; unique
  std::optional<Role> role;  // on the whole platform; unset: only what Projects grant
  std::string hash;          // SHA-256 of the token's text, hex
  EventTime created;
};

// A change that is known to be valid and is about to be made.
struct TokenChange {
  std::string what;    // "create-token", "revoke-token"
  std::string name;    // the token's
  std::string detail;  // "role editor", "role by grants", ""
};
// Unless it returns Ok nothing is changed, and the caller gets its Status. It must
// not call the store.
using TokenHook = std::function<Status(const TokenChange&)>;

class AuditLog;
// Records each change, by `who`, before it takes effect. The log must outlive the store.
TokenHook RecordTokens(AuditLog& log, std::string who);

class TokenStore {
 public:
  // An absent file is an empty store.
  static Result<std::shared_ptr<TokenStore>> Open(std::string path, TokenHook before = nullptr);

  // Makes a token and returns its text, which is kept nowhere. With no role the
  // holder may only do what a Project grants. AlreadyExists for a name in use;
  // InvalidArgument for a name that is not 1 to 63 of a-z, 0-9, '-', '.'.
  Result<std::string> Create(const std::string& name, std::optional<Role> role);
  Status Revoke(const std::string& name);
  std::vector<TokenRecord> List() const;

  // Who holds this token; nullopt when nobody does.
  std::optional<Identity> Find(std::string_view token) const;

  // Reads the file again when its time or size changed.
  Status Refresh();

  // Changes with every change of the tokens.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
  TokenStore(std::string path, TokenHook before) : path_(std::move(path)), before_(std::move(before)) {}
  Status Announce(const TokenChange& change) const;
  Status Load();
  Status Save(const std::vector<TokenRecord>& records);

  std::string path_;
  TokenHook before_;
  mutable std::mutex mutex_;
  std::vector<TokenRecord> records_;
  std::string stamp_;  // of the file when it was read
  std::atomic<uint64_t> generation_{1};
};

// The admin's token of a data directory: DIR/token, mode 0600. Made with its
// record ("admin") in the store when it is missing or no longer valid there.
Result<std::string> EnsureAdminToken(TokenStore& store, const std::string& data_dir);

// What DIR/token holds, for the CLI. FailedPrecondition when others than the
// owner may read the file.
Result<std::string> ReadAdminToken(const std::string& data_dir);

}  // namespace millrace::security
