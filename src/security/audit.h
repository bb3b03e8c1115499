// AuditLog: every change of state, before it takes effect, in a hash chain.
//
//   line n:  {"seq":n,"time":…,"who":…,"what":…,"resource":…,"change":…,"prev":H(n−1),"hash":H(n)}
//   H(n) = SHA-256 of the line's canonical JSON without "hash" (which holds H(n−1))
//
//      ┌────────┐ prev ┌────────┐ prev ┌────────┐
//      │ seq 1  │◀─────│ seq 2  │◀─────│ seq 3  │◀── audit.log.head: {"seq":3,"hash":H(3)}
//      └────────┘      └────────┘      └────────┘
//
// A record changed, dropped, added or moved breaks the chain at that record;
// records cut from the end disagree with the head, a file of its own that is
// replaced after each group of records is on disk. (Who can write both files
// and computes all hashes anew is not detected; ship the head elsewhere for that.)
//
//   MR_ASSIGN_OR_RETURN(auto log, AuditLog::Open(data_dir + "/audit.log", SystemClock()));
//   MR_RETURN_IF_ERROR(log->Append({.who = "admin", .what = "update", .resource = "default/Model/fraud",
//                                   .change = Sha256Hex(document)}));
//   // only now change the state
//
// Append returns when the record is on disk; records of concurrent callers share
// one fsync (group commit). Thread safe, and safe beside another process that
// appends to the same file (a command beside a server): the writer locks the
// file and goes on from what it finds there. After a failed write the log refuses
// everything further (Unavailable) until it is opened again, so that no state
// changes unrecorded. A last line torn by a crash was never acknowledged and is
// cut off by Open; damage anywhere else is DataLoss.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "base/time.h"

namespace millrace::security {

// What a caller records. Text is limited to 1 KiB a field.
struct AuditEntry {
  std::string who = {};       // Identity::name
  std::string what = {};      // create, update, delete, apply, push, set-alias, create-token, …
  std::string resource = {};  // "PROJECT/Kind/name", "" project for the platform's own
  std::string change = {};    // SHA-256 of the change (the new document, the patch), or ""
};

struct AuditRecord {
  uint64_t seq = 0;
  EventTime time;
  AuditEntry entry;
  std::string prev;
  std::string hash;
};

// One line without its newline. InvalidArgument says what is wrong with it.
Result<AuditRecord> ParseAuditLine(std::string_view line);
// The line, and the hash that it should have.
std::string FormatAuditLine(const AuditRecord& record);
std::string HashOf(const AuditRecord& record);

struct AuditVerification {
  uint64_t records = 0;
  std::string head;  // hash of the last one
};

class AuditLog {
 public:
  static Result<std::unique_ptr<AuditLog>> Open(std::string path, const Clock& clock);
  ~AuditLog();

  // On return the record is on disk. Returns its sequence number.
  Result<uint64_t> Append(AuditEntry entry);

  // Reads the whole chain. DataLoss names the first record that was changed,
  // dropped or moved, by its line and sequence number, and what is wrong.
  static Result<AuditVerification> Verify(const std::string& path);

  // The newest `limit` records, oldest first.
  Result<std::vector<AuditRecord>> Tail(size_t limit) const;

  const std::string& path() const { return path_; }

 private:
  struct Waiter;  // one caller of Append
  struct Position {
    uint64_t seq = 0;    // of the last record
    std::string hash;    // of the last record
    uint64_t bytes = 0;  // where the next one goes
  };
  AuditLog(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}
  Status WriteBatch(const std::vector<Waiter*>& batch);
  Status CatchUp();

  std::string path_;
  const Clock& clock_;
  UniqueFd file_;
  Position end_;  // the writer's alone

  mutable std::mutex mutex_;
  std::condition_variable done_;
  std::vector<Waiter*> pending_;  // whom no writer has taken yet
  bool writing_ = false;          // one caller writes for all that wait
  Status failed_;                 // why the log takes nothing more
};

}  // namespace millrace::security
