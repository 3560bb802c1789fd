import java.net.URI;
import java.util.Base64;
import microsoft.exchange.webservices.data.core.ExchangeService;
import microsoft.exchange.webservices.data.core.PropertySet;
import microsoft.exchange.webservices.data.core.enumeration.misc.ExchangeVersion;
import microsoft.exchange.webservices.data.core.enumeration.property.BasePropertySet;
import microsoft.exchange.webservices.data.core.enumeration.property.WellKnownFolderName;
import microsoft.exchange.webservices.data.core.enumeration.service.ConflictResolutionMode;
import microsoft.exchange.webservices.data.core.enumeration.service.DeleteMode;
import microsoft.exchange.webservices.data.core.enumeration.service.SyncFolderItemsScope;
import microsoft.exchange.webservices.data.core.enumeration.sync.ChangeType;
import microsoft.exchange.webservices.data.core.service.folder.Folder;
import microsoft.exchange.webservices.data.core.service.item.EmailMessage;
import microsoft.exchange.webservices.data.core.service.schema.ItemSchema;
import microsoft.exchange.webservices.data.credential.WebCredentials;
import microsoft.exchange.webservices.data.property.complex.FolderId;
import microsoft.exchange.webservices.data.property.complex.MimeContent;
import microsoft.exchange.webservices.data.search.FolderView;
import microsoft.exchange.webservices.data.search.ItemView;
import microsoft.exchange.webservices.data.sync.ChangeCollection;
import microsoft.exchange.webservices.data.sync.ItemChange;

/** Drives a server of Exchange Web Services with Microsoft's client for Java: what it did, one line each. */
public class Probe {
    public static void main(String[] args) throws Exception {
        ExchangeService service = new ExchangeService(ExchangeVersion.Exchange2010_SP2);
        service.setUrl(new URI(args[0]));
        service.setCredentials(new WebCredentials(args[1], args[2]));
        PropertySet mime = new PropertySet(BasePropertySet.IdOnly, ItemSchema.MimeContent, ItemSchema.Size);
        FolderId inbox = FolderId.getFolderIdFromWellKnownFolderName(WellKnownFolderName.Inbox);
        Folder done = service.findFolders(inbox, new FolderView(10)).getFolders().get(0);
        String state = null;
        boolean more = true;
        int number = 0;
        while (more) {
            ChangeCollection<ItemChange> changes = service.syncFolderItems(
                inbox, PropertySet.IdOnly, null, 2, SyncFolderItemsScope.NormalItems, state);
            state = changes.getSyncState();
            more = changes.getMoreChangesAvailable();
            for (int index = 0; index < changes.getCount(); index++) {
                if (changes.getChangeAtIndex(index).getChangeType() != ChangeType.Create) {
                    continue;
                }
                EmailMessage message = EmailMessage.bind(service, changes.getChangeAtIndex(index).getItem().getId(), mime);
                System.out.println("MAIL " + Base64.getEncoder().encodeToString(message.getMimeContent().getContent()));
                switch (number++) {
                    case 0: message.setIsRead(true); message.update(ConflictResolutionMode.AlwaysOverwrite); break;
                    case 1: message.move(done.getId()); break;
                    case 2: message.delete(DeleteMode.MoveToDeletedItems); break;
                    default:
                }
            }
        }
        System.out.println("FOUND " + service.findItems(inbox, new ItemView(1)).getTotalCount());
        byte[] raw = Base64.getDecoder().decode(args[3]);
        EmailMessage sent = new EmailMessage(service);
        sent.setMimeContent(new MimeContent("UTF-8", raw));
        sent.sendAndSaveCopy();
        EmailMessage draft = new EmailMessage(service);
        draft.setMimeContent(new MimeContent("UTF-8", raw));
        draft.save(WellKnownFolderName.Drafts);
        draft.sendAndSaveCopy();
        service.close();
    }
}
