import { InvalidArgumentError, Option } from 'commander';
import { describeError } from '../base/failure.ts';
import { parseRemoteStorageLocation, type RemoteStorageLocation } from '../remote-storage/location.ts';

/** `--remote-storage`, of every command that sends or takes snapshots. */
export function remoteStorageOption(): Option {
  return new Option(
    '--remote-storage <url>',
    'where the safekeepers keep WAL that is not on their disks, for timelines of which a part is there: file:///path, or ' +
      's3://bucket/prefix with ?region=, &endpoint= (services other than AWS) and &path-style= (true or false); credentials ' +
      'are found as the AWS SDK finds them',
  ).argParser(parse);
}

function parse(text: string): RemoteStorageLocation {
  try {
    return parseRemoteStorageLocation(text);
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
}
