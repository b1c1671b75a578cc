import { z } from 'zod';
import { assertNever } from '../base/assert.ts';
import { Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import { parseTenantId, type TenantId } from '../domain/ids.ts';
import type { TokenVerifier } from '../http/token-verifier.ts';

/**
 * Who may call a route where tokens are asked for: anyone at all; the tenant that the path or the body names (`TenantOfBody`:
 * the handler asks, once it has read it); or only who may do everything on this safekeeper.
 */
export type Access = 'Anyone' | 'TenantOfPath' | 'TenantOfBody' | 'SafekeeperOnly';

/** What a caller may do; where no tokens are asked for, everybody is `Safekeeper`. */
export type Caller =
  /** Only what anyone may. */
  | { readonly kind: 'Anyone' }
  | { readonly kind: 'Tenant'; readonly tenantId: TenantId }
  | { readonly kind: 'Safekeeper' };

/** The claims of a safekeeper's tokens; other scopes are for other services. */
const claimsSchema = z.discriminatedUnion('scope', [
  z.object({ scope: z.literal('safekeeperdata') }),
  z.object({ scope: z.literal('tenant'), tenant_id: z.string() }),
]);

/**
 * Who a request comes from, by its `Authorization` header. Throws what safekeepers answer: a Failure `TokenMissing` (401) or
 * `TokenRefused` (403). Why a token is refused is only for the log.
 */
export async function identifyCaller(
  verifier: TokenVerifier | undefined,
  authorization: string | undefined,
  log: Logger,
): Promise<Caller> {
  if (verifier === undefined) return { kind: 'Safekeeper' };
  const verdict = await verifier.verify(authorization);
  switch (verdict.kind) {
    case 'Missing':
      throw tokenMissing('missing authorization header');
    case 'Malformed':
      throw tokenMissing('malformed authorization header');
    case 'Refused':
      log.warn({ problem: verdict.problem }, 'a token is refused');
      throw tokenRefused();
    case 'Valid':
      return callerOf(verdict.claims, log);
  }
}

/** Throws a Failure `TokenRefused` when the caller may not call such a route. */
export function requireAccess(caller: Caller, access: Access, pathTenantId: string | undefined): void {
  switch (access) {
    case 'Anyone':
    case 'TenantOfBody':
      return;
    case 'TenantOfPath':
      requireTenant(caller, parseTenantId(pathTenantId ?? ''));
      return;
    case 'SafekeeperOnly':
      if (caller.kind !== 'Safekeeper') throw tokenRefused();
      return;
    default:
      assertNever(access);
  }
}

/** Throws a Failure `TokenRefused` for the token of another tenant. An id that could not be read is nobody's. */
export function requireTenant(caller: Caller, tenantId: TenantId | undefined): void {
  if (caller.kind === 'Safekeeper') return;
  if (caller.kind !== 'Tenant' || caller.tenantId !== tenantId) throw tokenRefused();
}

function callerOf(claims: unknown, log: Logger): Caller {
  const parsed = claimsSchema.safeParse(claims);
  if (parsed.data?.scope === 'safekeeperdata') return { kind: 'Safekeeper' };
  const tenantId = parseTenantId(parsed.data?.tenant_id ?? '');
  if (tenantId !== undefined) return { kind: 'Tenant', tenantId };
  log.warn({ problem: 'its claims are not those of a safekeeper' }, 'a token is refused');
  throw tokenRefused();
}

function tokenMissing(message: string): Failure {
  return new Failure('TokenMissing', message, { retry: 'after-change' });
}

/** Safekeepers do not tell a stranger what is wrong with a token. */
function tokenRefused(): Failure {
  return new Failure('TokenRefused', 'JWT authentication error', { retry: 'after-change' });
}
