import type { EmulatedCloud } from "./cloud";
import type { Fault } from "./store";

/** Type whose creation each cloud refuses when it has no machine to give. */
const MACHINES: Record<EmulatedCloud, string> = {
  aws: "aws:ec2/instance:Instance",
  oci: "oci:Core/instance:Instance",
  vultr: "vultr:index/instance:Instance",
  civo: "civo:index/instance:Instance",
  "equinix-metal": "equinix-metal:index/device:Device",
  linode: "linode:index/instance:Instance",
};

/** The clouds' own words when the place has no machine of that size left. */
const CAPACITY: Record<EmulatedCloud, string> = {
  aws: "creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 500, api error InsufficientInstanceCapacity: We currently do not have sufficient capacity in the Availability Zone you requested. Our system will be working on provisioning additional capacity.",
  oci: "500-InternalError, Out of host capacity. Suggestion: The service for this resource encountered an error. Please contact support for help with service: Core Instance",
  vultr: 'error creating server: {"error":"Plan is not available in the selected region.","status":400}',
  civo: "[ERR] failed to create instance: OutofCapacityError: the region is out of capacity",
  "equinix-metal": "POST /devices: 503 The facility has no provisionable servers matching your criteria",
  linode: "[400] [region] This region is currently at capacity for the requested plan; choose another region or plan",
};

/** The clouds' own words when the account may have no more. */
const QUOTA: Record<EmulatedCloud, string> = {
  aws: "creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 400, api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 5 allows for the instance bucket that the specified instance type belongs to.",
  oci: "400-LimitExceeded, The following service limits were exceeded: standard-e5-core-count. Request a service limit increase from the service limits page in the console. API: Core Instance",
  vultr:
    'error creating server: {"error":"You have reached the maximum number of active virtual machines for this account.","status":403}',
  civo: "[ERR] failed to create instance: QuotaLimitReachedError: instance_count_limit exceeded",
  "equinix-metal": "POST /devices: 422 You have reached the maximum number of instances for this project",
  linode: "[400] Account Limit reached. Please open a support ticket.",
};

const machineFault = (texts: Record<EmulatedCloud, string>, cloud: EmulatedCloud, times: number): Fault => ({
  ...{ cloud, type: MACHINES[cloud], operation: "create", message: texts[cloud], times },
});

/** The next machines of the cloud cannot be had: no capacity. */
export const outOfCapacity = (cloud: EmulatedCloud, times = 1): Fault => machineFault(CAPACITY, cloud, times);

/** The next machines of the cloud cannot be had: the account's limit. */
export const quotaExceeded = (cloud: EmulatedCloud, times = 1): Fault => machineFault(QUOTA, cloud, times);
