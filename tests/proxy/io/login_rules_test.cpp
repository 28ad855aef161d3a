#include "proxy/io/login_rules.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using wire::ChannelBinding;
using Binding = wire::ScramTermination::Binding;

const CertificateHashes kWeirs{"weir", "weir's end point"};
const CertificateHashes kDatabases{"database", "the database's end point"};

LoginFacts facts(bool client_tls, bool upstream_tls, bool verifiers, AuthMode mode = AuthMode::automatic) {
  LoginFacts facts;
  facts.mode = mode;
  facts.has_verifiers = verifiers;
  if (client_tls) facts.client_sees = kWeirs;
  facts.upstream_tls = upstream_tls;
  if (upstream_tls) facts.upstream_shows = kDatabases;
  return facts;
}

/// TLS of the client and towards the database, verifiers or none.
TEST(LoginRules, AutomaticRelaysWhatCanPass) {
  struct Case {
    bool client, upstream, verifiers;
    ChannelBinding binding;
    bool terminated, fails;
  };
  const Case cases[] = {
      {false, false, false, ChannelBinding::relay, false, false},
      {true, false, false, ChannelBinding::relay, false, false},
      {false, true, false, ChannelBinding::strip_plus, false, false},
      {true, true, false, ChannelBinding::strip_plus, false, true},
      {false, false, true, ChannelBinding::relay, false, false},
      {true, false, true, ChannelBinding::relay, false, false},
      {false, true, true, ChannelBinding::strip_plus, true, false},
      {true, true, true, ChannelBinding::strip_plus, true, false},
  };
  for (const Case& one : cases) {
    const LoginFacts all = facts(one.client, one.upstream, one.verifiers);
    const wire::LoginRules rules = login_rules(all);
    EXPECT_EQ(rules.channel_binding, one.binding);
    EXPECT_EQ(rules.termination.has_value(), one.terminated);
    EXPECT_EQ(binding_fails(all), one.fails);
    EXPECT_FALSE(rules.termination && rules.termination->always);
  }
}

TEST(LoginRules, TheDatabasesOwnCertificateLetsAllPass) {
  LoginFacts same = facts(true, true, true);
  same.client_sees = kDatabases;
  EXPECT_EQ(login_rules(same).channel_binding, ChannelBinding::relay);
  EXPECT_FALSE(login_rules(same).termination);
  EXPECT_FALSE(binding_fails(same));
}

TEST(LoginRules, TheModeDecides) {
  EXPECT_FALSE(login_rules(facts(true, true, true, AuthMode::relay)).termination);
  EXPECT_TRUE(binding_fails(facts(true, true, true, AuthMode::relay)));
  for (const bool client : {false, true}) {
    for (const bool upstream : {false, true}) {
      const wire::LoginRules rules = login_rules(facts(client, upstream, true, AuthMode::terminate));
      ASSERT_TRUE(rules.termination);
      EXPECT_TRUE(rules.termination->always);
      EXPECT_EQ(rules.termination->client_end_point, client ? kWeirs.end_point : "");
      EXPECT_EQ(rules.termination->upstream_end_point, upstream ? kDatabases.end_point : "");
    }
  }
}

TEST(LoginRules, TowardsTheDatabaseChannelBindingIsThatOfUpstream) {
  const std::pair<ChannelBindingMode, Binding> modes[] = {{ChannelBindingMode::disable, Binding::disable},
                                                          {ChannelBindingMode::prefer, Binding::prefer},
                                                          {ChannelBindingMode::require, Binding::require}};
  for (const auto& [mode, binding] : modes) {
    LoginFacts one = facts(true, true, true);
    one.upstream_binding = mode;
    EXPECT_EQ(login_rules(one).termination->upstream_binding, binding);
    EXPECT_EQ(login_rules(one).termination->always, mode == ChannelBindingMode::require);
  }
}

TEST(LoginRules, WeirsCertificateStandsForVerifiedClientsOnly) {
  LoginFacts one = facts(true, true, false);
  EXPECT_FALSE(login_rules(one).refuse_unasked);
  one.shows_certificate = true;
  EXPECT_TRUE(login_rules(one).refuse_unasked);
  one.client_is_verified = true;
  EXPECT_FALSE(login_rules(one).refuse_unasked);
}

}  // namespace
}  // namespace weir::proxy
