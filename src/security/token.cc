#include "security/token.h"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sha256.h"
#include "security/audit.h"

namespace millrace::security {
namespace {

constexpr std::string_view kPrefix = "mrt_";
constexpr size_t kTokenBytes = 32;
constexpr size_t kMaxTokens = 10000;
constexpr uint64_t kMaxFileBytes = 8 << 20;
constexpr const char* kAdminName = "admin";

// "anonymous" is who has no token; nobody may be named so.
bool IsName(std::string_view name) {
  auto ok = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !name.empty() && name != "anonymous" && name.size() <= 63 &&
         std::all_of(name.begin(), name.end(), ok);
}

bool IsHash(std::string_view text) {
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 64 && std::all_of(text.begin(), text.end(), hex);
}

// What changes whenever a writer replaces the file: inode, time and size.
std::string StampOf(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "absent";
  return fmt::format("{} {} {} {}", info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size);
}

std::string FormatRecord(const TokenRecord& record) {
  Json line = {{"name", record.name}, {"sha256", record.hash}, {"created", FormatTime(record.created)}};
  if (record.role) line["role"] = std::string(RoleName(*record.role));
  return FormatJson(line) + "\n";
}

Result<TokenRecord> ParseRecord(std::string_view text) {
  MR_ASSIGN_OR_RETURN(Json line, ParseJson(text, 4));
  auto text_of = [&](const char* key) -> std::string {
    auto it = line.is_object() ? line.find(key) : line.end();
    return it != line.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  TokenRecord record;
  record.name = text_of("name");
  record.hash = text_of("sha256");
  if (!IsName(record.name)) return InvalidArgument("'name' is not a token's name");
  if (!IsHash(record.hash)) return InvalidArgument("'sha256' is not 64 hex digits");
  MR_ASSIGN_OR_RETURN(record.created, ParseTime(text_of("created")));
  if (line.contains("role")) {
    record.role = ParseRole(text_of("role"));
    if (!record.role) return InvalidArgument("'role' is not viewer, editor or admin");
  }
  return record;
}

}  // namespace

TokenHook RecordTokens(AuditLog& log, std::string who) {
  return [&log, who = std::move(who)](const TokenChange& change) {
    return log
        .Append(
            {.who = who, .what = change.what, .resource = "/Token/" + change.name, .change = change.detail})
        .status();
  };
}

Status TokenStore::Announce(const TokenChange& change) const { return before_ ? before_(change) : Ok(); }

Result<std::shared_ptr<TokenStore>> TokenStore::Open(std::string path, TokenHook before) {
  std::shared_ptr<TokenStore> store(new TokenStore(std::move(path), std::move(before)));
  std::lock_guard lock(store->mutex_);
  MR_RETURN_IF_ERROR(store->Load());
  return store;
}

Status TokenStore::Load() {
  std::string stamp = StampOf(path_);
  std::vector<TokenRecord> records;
  if (stamp != "absent") {
    MR_ASSIGN_OR_RETURN(std::string text, ReadFile(path_, kMaxFileBytes));
    size_t number = 0;
    for (size_t begin = 0; begin < text.size();) {
      size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = std::string_view(text).substr(begin, end - begin);
      begin = end + 1;
      ++number;
      if (line.empty()) continue;
      Result<TokenRecord> record = ParseRecord(line);
      if (!record.ok()) {
        return DataLoss("{}:{} is not a token record: {}", path_, number, record.status().message());
      }
      records.push_back(std::move(record).value());
    }
  }
  records_ = std::move(records);
  stamp_ = std::move(stamp);
  generation_.fetch_add(1, std::memory_order_release);
  return Ok();
}

Status TokenStore::Save(const std::vector<TokenRecord>& records) {
  std::string text;
  for (const TokenRecord& record : records) text += FormatRecord(record);
  MR_RETURN_IF_ERROR(WriteFileAtomically(path_, text, 0600));
  records_ = records;
  stamp_ = StampOf(path_);
  generation_.fetch_add(1, std::memory_order_release);
  return Ok();
}

Result<std::string> TokenStore::Create(const std::string& name, std::optional<Role> role) {
  if (!IsName(name)) {
    return InvalidArgument(
        "a token's name is 1 to 63 of a-z, 0-9, '-' and '.' (and not 'anonymous'), not '{}'", name);
  }
  // Commands beside a running server change the file, too: read, change and
  // replace under one lock, so that no change is lost.
  std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(FileLock file_lock, FileLock::Acquire(path_ + ".lock"));
  MR_RETURN_IF_ERROR(Load());
  for (const TokenRecord& record : records_) {
    if (record.name == name) {
      return AlreadyExists("there is a token named '{}': revoke it first, or choose another name", name);
    }
  }
  if (records_.size() >= kMaxTokens)
    return ResourceExhausted("there are {} tokens: revoke some first", kMaxTokens);
  MR_RETURN_IF_ERROR(
      Announce({.what = "create-token",
                .name = name,
                .detail = role ? fmt::format("role {}", RoleName(*role)) : std::string("role by grants")}));
  std::string text = std::string(kPrefix) + RandomHex(kTokenBytes);
  std::vector<TokenRecord> records = records_;
  records.push_back({.name = name, .role = role, .hash = Sha256Hex(text), .created = SystemClock().Now()});
  MR_RETURN_IF_ERROR(Save(records));
  return text;
}

Status TokenStore::Revoke(const std::string& name) {
  std::lock_guard lock(mutex_);
  MR_ASSIGN_OR_RETURN(FileLock file_lock, FileLock::Acquire(path_ + ".lock"));
  MR_RETURN_IF_ERROR(Load());
  std::vector<TokenRecord> records = records_;
  size_t erased = std::erase_if(records, [&](const TokenRecord& record) { return record.name == name; });
  if (erased == 0) return NotFound("there is no token named '{}'", name);
  MR_RETURN_IF_ERROR(Announce({.what = "revoke-token", .name = name, .detail = {}}));
  return Save(records);
}

std::vector<TokenRecord> TokenStore::List() const {
  std::lock_guard lock(mutex_);
  return records_;
}

std::optional<Identity> TokenStore::Find(std::string_view token) const {
  if (token.size() != kPrefix.size() + 2 * kTokenBytes) return std::nullopt;
  std::string hash = Sha256Hex(token);
  std::lock_guard lock(mutex_);
  std::optional<Identity> found;
  // All records are compared, each in constant time.
  for (const TokenRecord& record : records_) {
    if (CRYPTO_memcmp(record.hash.data(), hash.data(), hash.size()) == 0) {
      found = Identity{.name = record.name, .kind = IdentityKind::kToken, .role = record.role};
    }
  }
  return found;
}

Status TokenStore::Refresh() {
  std::lock_guard lock(mutex_);
  if (StampOf(path_) == stamp_) return Ok();
  return Load();
}

Result<std::string> EnsureAdminToken(TokenStore& store, const std::string& data_dir) {
  std::string path = data_dir + "/token";
  if (FileExists(path)) {
    MR_ASSIGN_OR_RETURN(std::string token, ReadAdminToken(data_dir));
    std::optional<Identity> who = store.Find(token);
    if (who && who->role == Role::kAdmin) return token;
  }
  Status revoked = store.Revoke(kAdminName);
  if (!revoked.ok() && revoked.code() != Code::kNotFound) return revoked;
  MR_ASSIGN_OR_RETURN(std::string token, store.Create(kAdminName, Role::kAdmin));
  MR_RETURN_IF_ERROR(WriteFileAtomically(path, token + "\n", 0600));
  return token;
}

Result<std::string> ReadAdminToken(const std::string& data_dir) {
  std::string path = data_dir + "/token";
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return NotFound(
        "{} does not exist: millrace up makes it; is this the data directory of a running millrace?", path);
  }
  if ((info.st_mode & 0077) != 0) {
    return FailedPrecondition("{} may be read by others than its owner: run chmod 600 {}", path, path);
  }
  constexpr uint64_t kMaxTokenFile = 4096;
  MR_ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxTokenFile));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace millrace::security
