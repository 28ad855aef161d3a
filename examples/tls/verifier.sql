-- Run once, by a superuser, in the database that auth.database names. Weir's role may ask for one user's verifier, and
-- for nothing else.
CREATE ROLE weir_auth LOGIN PASSWORD :'password';
CREATE FUNCTION public.weir_verifier(name text) RETURNS TABLE (rolname text, rolpassword text)
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = name';
REVOKE ALL ON FUNCTION public.weir_verifier FROM public;
GRANT EXECUTE ON FUNCTION public.weir_verifier TO weir_auth;
