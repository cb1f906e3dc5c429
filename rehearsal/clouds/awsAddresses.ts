import { balancersWith } from "./awsBalancer";
import { awsError, awsId, common, INSTANCE, tagsAll } from "./awsNetwork";
import type { Cloud, CloudKind } from "./cloud";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const EIP = "aws:ec2/eip:Eip";
export const EIP_ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation";

/** Address of the Elastic IP bound to an instance. */
export function elasticAddressOf(cloud: Cloud, instance: string): unknown {
  const association = cloud.list(EIP_ASSOCIATION).find((one) => one.complete && one.inputs.instanceId === instance);
  const eip = association
    ? cloud.get(EIP, association.inputs.allocationId)
    : cloud.list(EIP).find((one) => one.inputs.instance === instance);
  return eip?.computed.publicIp;
}

/** Elastic IPs and their binding to instances. */
export function awsAddressKinds(cloud: Cloud): Record<string, CloudKind> {
  const needInstance = (id: unknown, doing: string): CloudObject =>
    cloud.need(INSTANCE, id, () => {
      const error = `InvalidInstanceID.NotFound: The instance ID '${text(id)}' does not exist`;
      return new Error(awsError(doing, "AssociateAddress", error));
    });

  const eip: CloudKind = {
    replaceOn: ["address", "domain", "publicIpv4Pool", "networkBorderGroup", "customerOwnedIpv4Pool", "region"],
    computed:
      "allocationId arn associationId domain instance networkBorderGroup networkInterface privateDns privateIp publicDns publicIp publicIpv4Pool tagsAll region".split(
        " ",
      ),
    newId: () => awsId("eipalloc"),
    create(object, context) {
      if (object.inputs.instance !== undefined) needInstance(object.inputs.instance, "creating EC2 EIP");
      object.hidden.address ??= cloud.takePublicAddress(
        object.id,
        () =>
          new Error(
            awsError(
              "creating EC2 EIP",
              "AllocateAddress",
              "AddressLimitExceeded: The maximum number of addresses has been reached.",
            ),
          ),
      );
      const address = text(object.hidden.address);
      const basics = common(object, context, "elastic-ip");
      return {
        ...basics,
        ...{ allocationId: object.id, publicIp: address, domain: "vpc", publicIpv4Pool: "amazon" },
        networkBorderGroup: basics.region,
        publicDns: `ec2-${address.replaceAll(".", "-")}.${text(basics.region)}.compute.amazonaws.com`,
        instance: object.inputs.instance ?? "",
        associationId: "",
      };
    },
    update(object) {
      if (object.inputs.instance !== undefined) needInstance(object.inputs.instance, "updating EC2 EIP");
      return { ...tagsAll(object), instance: object.inputs.instance ?? "" };
    },
    observe(object) {
      const bound = cloud.list(EIP_ASSOCIATION).find((one) => one.inputs.allocationId === object.id);
      return { associationId: bound?.id ?? "", instance: bound?.inputs.instanceId ?? object.inputs.instance ?? "" };
    },
    delete(object) {
      const bound = cloud.list(EIP_ASSOCIATION).filter((one) => one.inputs.allocationId === object.id);
      const refusal = `InvalidIPAddress.InUse: The address with allocation id [${object.id}] cannot be released because it is in use`;
      cloud.assertUnused(
        [...bound, ...balancersWith(cloud, object.id)],
        awsError(`deleting EC2 EIP (${object.id})`, "ReleaseAddress", refusal),
      );
      cloud.releasePublicAddress(object.id);
    },
  };

  const association: CloudKind = {
    replaceOn: [
      "allocationId",
      "allowReassociation",
      "instanceId",
      "networkInterfaceId",
      "privateIpAddress",
      "publicIp",
      "region",
    ],
    computed: ["allocationId", "networkInterfaceId", "privateIpAddress", "publicIp", "region"],
    newId: () => awsId("eipassoc"),
    create(object) {
      const doing = "creating EC2 EIP Association";
      const { allocationId, instanceId } = object.inputs;
      const address = cloud.need(EIP, allocationId, () => {
        const error = `InvalidAllocationID.NotFound: The allocation ID '${text(allocationId)}' does not exist`;
        return new Error(awsError(doing, "AssociateAddress", error));
      });
      const instance = needInstance(instanceId, doing);
      const others = cloud
        .list(EIP_ASSOCIATION)
        .filter((one) => one !== object && one.inputs.allocationId === allocationId);
      if (others.length > 0 && object.inputs.allowReassociation === false) {
        const error = `Resource.AlreadyAssociated: resource ${text(allocationId)} is already associated with associate-id ${others[0]?.id}`;
        throw new Error(awsError(doing, "AssociateAddress", error));
      }
      return {
        publicIp: address.computed.publicIp,
        privateIpAddress: instance.computed.privateIp,
        networkInterfaceId: instance.computed.primaryNetworkInterfaceId,
      };
    },
  };

  return { [EIP]: eip, [EIP_ASSOCIATION]: association };
}
