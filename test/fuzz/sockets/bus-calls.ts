/** What a member with wrong software asks on the bus: calls, notices and streams of every service, with any body. */
import { encodeFrame, FrameFlag, FrameType } from '../../../src/cluster/bus/frame.ts';
import { Service } from '../../../src/cluster/messages.ts';
import type { Prng } from '../../support/prng.ts';

/** Those that members have besides the cluster's own. */
const SERVICES: readonly string[] = [
  ...Object.values(Service),
  'directory.resolve',
  'directory.entry',
  'directory.create',
  'directory.change',
  'directory.step',
  'directory.intent',
  'directory.list',
  'directory.verify',
  'directory.scram',
  'directory.set-password',
  'mail.deliver',
  'member.samples',
];
const STREAMS: readonly string[] = ['imap.session', 'pop.session'];
const WHOLE = FrameFlag.first | FrameFlag.last;
/** Ids of calls and streams: few, so that one is used again while it is open. */
const IDS = 20;

/** One frame with this body, whatever it is. */
export function busCall(body: Buffer, random: Prng): Buffer {
  const id = 2 * random.between(1, IDS) - 1;
  switch (random.below(6)) {
    case 0:
      return encodeFrame(FrameType.message, WHOLE, id, body);
    case 1:
      return encodeFrame(FrameType.open, WHOLE, id, request(random.pick(STREAMS), body));
    case 2:
      return encodeFrame(FrameType.notice, WHOLE, id, request(random.pick(SERVICES), body));
    case 3:
      return encodeFrame(
        random.pick([FrameType.cancel, FrameType.fin, FrameType.reset]),
        0,
        id,
        body.subarray(0, 8),
      );
    default:
      return encodeFrame(FrameType.call, WHOLE, id, request(random.pick(SERVICES), body));
  }
}

/** As `encodeRequest`, with a body that is there as octets. */
function request(service: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([service.length]), Buffer.from(service), body]);
}
