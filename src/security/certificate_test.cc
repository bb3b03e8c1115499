#include "security/certificate.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"

namespace millrace::security {
namespace {

using std::chrono::hours;

EventTime Now() { return ParseTime("2026-01-01T00:00:00Z").value(); }

TEST(LoopbackCertificate, IsMadeOnceAndAgainBeforeItExpires) {
  const TempDirectory directory;
  const CertificateFiles files = EnsureLoopbackCertificate(directory.path(), Now()).value();
  const std::string first = ReadFile(files.certificate).value();
  EXPECT_EQ(first.rfind("-----BEGIN CERTIFICATE-----", 0), 0U);
  struct stat info{};
  ASSERT_EQ(stat(files.key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);

  ASSERT_TRUE(EnsureLoopbackCertificate(directory.path(), Now() + hours(24 * 3600)).ok());
  EXPECT_EQ(ReadFile(files.certificate).value(), first);
  ASSERT_TRUE(EnsureLoopbackCertificate(directory.path(), Now() + hours(24 * 3640)).ok());
  EXPECT_NE(ReadFile(files.certificate).value(), first);
}

TEST(LoopbackCertificate, AKeyWithoutItsCertificateIsMadeAnew) {
  const TempDirectory directory;
  const CertificateFiles files = EnsureLoopbackCertificate(directory.path(), Now()).value();
  const std::string key = ReadFile(files.key).value();
  ASSERT_TRUE(RemoveTree(files.certificate).ok());
  ASSERT_TRUE(EnsureLoopbackCertificate(directory.path(), Now()).ok());
  EXPECT_TRUE(FileExists(files.certificate));
  EXPECT_NE(ReadFile(files.key).value(), key);
}

TEST(LoopbackCertificate, WhatIsNoCertificateIsLeftAlone) {
  const TempDirectory directory;
  const CertificateFiles files = LoopbackCertificateFiles(directory.path());
  ASSERT_TRUE(WriteFileAtomically(files.certificate, "mine").ok());
  ASSERT_TRUE(WriteFileAtomically(files.key, "mine").ok());
  EXPECT_EQ(EnsureLoopbackCertificate(directory.path(), Now()).status().code(), Code::kDataLoss);
  EXPECT_EQ(ReadFile(files.key).value(), "mine");
}

}  // namespace
}  // namespace millrace::security
