#include "proxy/io/login_rules.h"

namespace weir::proxy {

namespace {

/// Whether what a client binds to is not what the database shows.
bool binding_cannot_pass(const LoginFacts& facts) {
  const bool same = !facts.client_sees.sha256.empty() && facts.client_sees.sha256 == facts.upstream_shows.sha256;
  return facts.upstream_tls && !same;
}

bool terminates(const LoginFacts& facts) {
  if (!facts.has_verifiers || facts.mode == AuthMode::relay) return false;
  return facts.mode == AuthMode::terminate || binding_cannot_pass(facts);
}

}  // namespace

wire::LoginRules login_rules(const LoginFacts& facts) {
  using Binding = wire::ScramTermination::Binding;
  wire::LoginRules rules;
  rules.channel_binding = binding_cannot_pass(facts) ? wire::ChannelBinding::strip_plus : wire::ChannelBinding::relay;
  rules.refuse_unasked = facts.shows_certificate && !facts.client_is_verified;
  if (!terminates(facts)) return rules;
  wire::ScramTermination& termination = rules.termination.emplace();
  // What is only relayed cannot be bound to the database's certificate.
  termination.always = facts.mode == AuthMode::terminate || facts.upstream_binding == ChannelBindingMode::require;
  termination.client_end_point = facts.client_sees.end_point;
  termination.upstream_end_point = facts.upstream_shows.end_point;
  termination.upstream_binding = facts.upstream_binding == ChannelBindingMode::disable   ? Binding::disable
                                 : facts.upstream_binding == ChannelBindingMode::require ? Binding::require
                                                                                         : Binding::prefer;
  return rules;
}

bool binding_fails(const LoginFacts& facts) {
  return binding_cannot_pass(facts) && !facts.client_sees.sha256.empty() && !terminates(facts);
}

}  // namespace weir::proxy
