/**
 * Whether the backends that this member is told to join go by the storage that it mounts (docs/architecture.md, section 3:
 * "a member without the right id stands for nothing"). Between two clusters the bus connects nobody, as neither believes the
 * other's certificates, so a member with another cluster's storage would find itself alone, and become a cluster of its own
 * beside the one it was meant for.
 */
import { sameAddress } from '../cluster/addresses.ts';
import { createBus, isHandshakeError } from '../cluster/bus/bus.ts';
import { newIncarnation } from '../cluster/incarnation.ts';
import { readAskAnswer, Service } from '../cluster/messages.ts';
import type { BusSecurity } from '../cluster/security/types.ts';
import { Failure } from '../lib/failure.ts';
import { formatEndpoint } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import type { Address, Platform } from '../platform/platform.ts';
import type { Settings } from '../settings/settings.ts';
import { storageRoot } from './storage.ts';

/** A backend that does not answer so long is down, and says nothing of its storage. */
const ASK_TIMEOUT_MS = 1000;

/** Failure 'refused' when a backend of `BackendAddresses` belongs to another cluster than this storage. */
export async function checkPeers(
  platform: Platform,
  own: {
    readonly base: string;
    readonly member: string;
    readonly settings: Settings;
    readonly clusterId: string;
    readonly security: BusSecurity;
    readonly logger: Logger;
  },
): Promise<void> {
  const { settings, clusterId, member, logger } = own;
  const { ClusterAddress, BackendAddresses } = settings;
  const others = BackendAddresses.filter((each) => !sameAddress(each, ClusterAddress));
  if (others.length === 0) return;
  const bus = await createBus({
    platform,
    self: { member, role: 'supervisor', incarnation: newIncarnation(platform.random) },
    listen: { host: ClusterAddress.host, port: 0 },
    clusterId,
    security: own.security,
    logger,
  });
  const storage = `${storageRoot(own.base)} is another cluster's storage: its id is ${clusterId}`;
  const ask = async (other: Address): Promise<string | undefined> => {
    const answer = await bus.call(other, Service.ask, { controlEpoch: 0 }, { timeoutMs: ASK_TIMEOUT_MS });
    const theirs = readAskAnswer(answer).clusterId;
    if (theirs === '' || theirs === clusterId) return undefined;
    return `${storage}, ${formatEndpoint(other)} (BackendAddresses) belongs to ${theirs}`;
  };
  /** One that is not there says nothing, and is logged by the bus. */
  const whyNot = (other: Address, error: unknown): string | undefined =>
    isStranger(error)
      ? `${storage}, ${formatEndpoint(other)} (BackendAddresses) shows a certificate of another cluster`
      : undefined;
  try {
    const answers = await Promise.all(
      others.map((other) => ask(other).catch((error: unknown) => whyNot(other, error))),
    );
    const why = answers.find((answer) => answer !== undefined);
    if (why !== undefined) throw new Failure('refused', why);
  } finally {
    await bus.close();
  }
}

/** The certificate at the other end was signed by nobody that we believe. */
function isStranger(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isHandshakeError((cause as NodeJS.ErrnoException).code)) return true;
  return false;
}
